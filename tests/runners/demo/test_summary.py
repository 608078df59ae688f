from io import StringIO

from rich.console import Console

from winnowry.runners.demo.compare import Entry
from winnowry.runners.demo.summary import Evidence, render, summarise
from winnowry.runners.demo.taps import Sighting

TREE = {"a": Entry("file", size=10), "b": Entry("file", size=20), "d": Entry("folder"), "later/c": Entry("link")}


def seen(path: str, second: int, source: str, place: str = "", **more: dict[str, str]) -> Sighting:
    size = TREE[path].size if path in TREE else 0
    stamp = f"20260101T0000{second:02}.5"
    return Sighting(
        rel_path=place or path, pub_time=stamp, origin_path=path if place else None, source=source, size=size, **more
    )


EVIDENCE = Evidence(
    announced={
        "xs_alice": [
            seen("a", 0, "alice"),
            seen("b", 1, "alice"),
            seen("d", 1, "alice", file_op={"directory": ""}),
            seen("later/c", 30, "alice", file_op={"link": "x"}),
        ],
        "xs_bob": [seen("a", 1, "bob"), seen("b", 0, "bob")],
        "xwinnow": [seen("a", 0, "alice", "x/a"), seen("b", 0, "bob", "x/b"), seen("b", 1, "alice", "y/b")],
        "xpublic": [seen("a", 0, "alice", "x/a"), seen("b", 0, "bob", "x/b")],
    },
    arrived={
        "carol": {"a": 1767225602.5, "b": 1767225604.5, "later/c": 1767225630.75},
        "dave": {"a": 1767225603.5, "b": 1767225601.5},
    },
    tree=TREE,
)


def test_the_figures_are_those_of_the_evidence() -> None:
    summary = summarise(EVIDENCE)
    assert summary.announced == {"alice": "2 files, 1 link, 1 folder", "bob": "2 files"}
    assert (summary.fetched, summary.fetched_size, summary.repeats) == (3, 50, 1)
    assert summary.won == {"alice": 1, "bob": 1}
    assert summary.delivered == {"carol": 3, "dave": 2}
    assert (summary.size, summary.seconds, summary.rate) == (30, 4.0, 1.0)
    assert summary.delays == [1.0, 2.0, 3.0, 4.0]
    assert summary.calm_delays == [0.25]


def test_a_run_without_any_delivery_is_summed_up_too() -> None:
    nothing: dict[str, list[Sighting]] = {exchange: [] for exchange in EVIDENCE.announced}
    summary = summarise(Evidence(announced=nothing, arrived={"carol": {}, "dave": {}}, tree=TREE))
    assert (summary.rate, summary.seconds, summary.delays) == (0.0, 0.0, [])


def test_the_printed_summary_holds_the_figures() -> None:
    printed = StringIO()
    render(summarise(EVIDENCE), Console(file=printed, width=100))
    assert "repeats winnowed" in printed.getvalue()
    assert "p50 3.00 s, p99 4.00 s" in printed.getvalue()
