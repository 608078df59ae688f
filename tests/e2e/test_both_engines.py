"""What every kind of pump promises, on either engine: the same tests, the same cluster file but for the key `engine`."""

import json
from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest
from brokers import Vhost, eventually
from clusters import consumers
from scripted import scripted, serving, status
from trials import PUMP, SECONDS, SOURCES, Trial, sha512

from winnowry.io.amqp import hang_up
from winnowry.runners.servers.management import Broker

pytestmark = pytest.mark.e2e

KINDS = ("shovel", "winnow", "sarra", "subscribe")
FILES = 100
DONE = {"shovel": "announced", "winnow": "announced", "sarra": "announced", "subscribe": "delivered"}
FOREIGN = {"colour": "green", "measured": {"at": [1e3, None], "by": "d\u006fra"}}
MALFORMED = {b"nothing": "body_unreadable", b'{"relPath": 5}': "field_invalid"}


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((kind, engine), id=f"{kind} on {engine}", marks=[pytest.mark.flink] if engine == "flink" else [])
        for engine in ("direct", "flink")
        for kind in KINDS
    ],
)
def trial(request: pytest.FixtureRequest, rabbitmq: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """A pump that runs while the tests of its kind and engine last; it drains after the last, and ends well."""
    vhost = Vhost(rabbitmq)
    rabbitmq.add_vhost(vhost.name)
    with Trial(vhost, tmp_path_factory.mktemp("trial"), *request.param) as begun:
        yield begun
        begun.end()
    hang_up()
    rabbitmq.remove_vhost(vhost.name)


def passed(trial: Trial, twins: int, times: int = 1) -> int:
    """Return how often a pump goes on with what was announced ``twins`` times, and is news ``times`` times of that."""
    return {"shovel": twins, "subscribe": 0}.get(trial.kind, times)


def goes_through(trial: Trial, path: str, twins: int, times: int = 1) -> None:
    """Wait until what was announced ``twins`` times of a path, and ``times`` times is news, has ended."""
    trial.hears(passed(trial, twins, times), path)
    if trial.fetches:
        trial.tells([path], twins)


def test_what_two_sources_announce_goes_on_whole_and_once(trial: Trial) -> None:
    folder, random = trial.a_folder(), Random(1)
    posts = [trial.a_file(f"{folder}/{number}", random.randbytes(number * 100), **FOREIGN) for number in range(FILES)]
    for source in SOURCES:
        trial.announce(source, *posts)
    paths = [str(post["relPath"]) for post in posts]
    trial.hears(passed(trial, 2) * FILES, folder)
    if trial.fetches:
        ended = {path: sorted(told) for path, told in trial.tells(paths, 2).items()}  # Reports are in no order
        assert ended == {path: [(DONE[trial.kind], "done"), ("repeat", "known_content")] for path in paths}
        assert {path: trial.placed(path) for path in paths} == {path: (trial.tree / path).read_bytes() for path in paths}
    trial.settles()
    heard = trial.hears(0, folder)
    assert Counter(post["relPath"] for post in heard) == Counter(dict.fromkeys(paths, passed(trial, 2)) if heard else {})
    assert all(FOREIGN.items() <= post.items() for post in heard)


def test_bad_posts_get_their_reason_and_never_stop_the_queue(trial: Trial) -> None:
    folder = trial.a_folder()
    good = [trial.a_file(f"{folder}/{name}", name.encode()) for name in ("first", "second", "third")]
    refused = {
        f"../{folder}": "path_outside_root",
        f"{folder}//b": "path_unusable",
        f"{folder}/up": "rename_outside_root",
    }
    unfit = [trial.a_post(path, rename="../../evil") if path.endswith("up") else trial.a_post(path) for path in refused]
    unfetchable = {
        "not_found": trial.a_post(f"{folder}/missing", size=1),
        "truncated": trial.a_file(f"{folder}/shorter", b"short") | {"size": 6},
        "checksum_mismatch": trial.a_file(f"{folder}/other", b"right") | {"retrievePath": f"{folder}/first"},
    }
    for bad, behind in zip((unfit, [*MALFORMED], [*unfetchable.values()]), good, strict=True):
        trial.announce("alice", *bad, behind)
    expected = {path: [("refused", reason)] for path, reason in refused.items()}
    if trial.fetches:
        expected |= {str(post["relPath"]): [("failed", reason)] for reason, post in unfetchable.items()}
        expected |= {str(post["relPath"]): [(DONE[trial.kind], "done")] for post in good}
    trial.hears(passed(trial, 1) * (len(good) if trial.fetches else len(good) + len(unfetchable)), folder)
    assert trial.tells(list(expected)) == expected
    buried = {json.dumps(post).encode(): reason for reason, post in unfetchable.items()} if trial.fetches else {}
    eventually(lambda: trial.letters() == MALFORMED | buried, what="a dead letter of each that leaves one")
    trial.settles()
    assert not list(trial.cluster.file.parent.rglob("*evil*"))


def test_a_content_that_comes_back_is_news_again_and_each_change_is_news_once(trial: Trial) -> None:
    folder = trial.a_folder()
    path, contents = f"{folder}/file", (b"old", b"new", b"old")
    for number, content in enumerate(contents, start=1):
        post = trial.a_file(path, content, at=f"{folder}/version {number}")
        for source in SOURCES:
            trial.announce(source, post)
        goes_through(trial, path, len(SOURCES) * number, number)
    trial.settles()
    times = {"shovel": len(SOURCES), "subscribe": 0}.get(trial.kind, 1)
    assert [post["identity"] for post in trial.hears(0, folder)] == [sha512(one) for one in contents for _ in range(times)]
    if trial.fetches:
        assert trial.placed(path) == b"old"
        assert Counter(trial.told[path]) == {(DONE[trial.kind], "done"): 3, ("repeat", "known_content"): 3}


def test_an_older_word_never_overwrites_the_newer_file(trial: Trial) -> None:
    folder = trial.a_folder()
    path = f"{folder}/file"
    older = trial.a_file(path, b"older", at=f"{folder}/older")
    newer = trial.a_file(path, b"newer", at=f"{folder}/newer")
    trial.announce("alice", newer)
    goes_through(trial, path, 1)
    trial.announce("alice", older)
    if trial.kind == "shovel":
        trial.hears(2, folder)
    else:
        eventually(lambda: ("refused", "superseded") in trial.tells([path])[path], SECONDS, "the refusal")
    trial.settles()
    heard = {"shovel": [newer, older], "subscribe": []}.get(trial.kind, [newer])
    assert [post["identity"] for post in trial.hears(0, folder)] == [post["identity"] for post in heard]
    if trial.fetches:
        assert trial.placed(path) == b"newer"


def test_a_source_that_fails_is_tried_again_and_its_twin_is_taken(trial: Trial) -> None:
    folder = trial.a_folder()
    late, never, wrong = (f"{folder}/{name}" for name in ("late", "never", "wrong"))
    sound = {path: trial.a_file(path, path.encode()) for path in (late, never, wrong)}
    with scripted() as (script, failing):
        script.plays(late, status(503), serving(late.encode()))
        script.plays(never, status(503))
        script.plays(wrong, serving(b"x" * len(wrong)))
        bad = {path: post | {"baseUrl": failing.url} for path, post in sound.items()}
        trial.announce("alice", *bad.values())
        if trial.fetches:
            assert trial.tells([late, wrong]) == {late: [(DONE[trial.kind], "done")], wrong: [("failed", "checksum_mismatch")]}
        trial.announce("bob", *(trial.a_file(path, path.encode()) for path in (never, wrong)))
        trial.hears(passed(trial, 0, 3) + (5 if trial.kind == "shovel" else 0), folder)
        if trial.fetches:
            taken = {path: Counter(told) for path, told in trial.tells([never, wrong], 2).items()}
            done = (DONE[trial.kind], "done")
            assert taken == {
                never: {done: 1, ("repeat", "known_content"): 1},
                wrong: {("failed", "checksum_mismatch"): 1, done: 1},
            }
            assert {path: trial.placed(path) for path in sound} == {path: path.encode() for path in sound}
    trial.settles()
    heard = Counter(post["relPath"] for post in trial.hears(0, folder))
    assert heard == {"shovel": {late: 1, never: 2, wrong: 2}, "subscribe": {}}.get(trial.kind, dict.fromkeys(sound, 1))


def test_operations_are_made_refused_or_passed_on(trial: Trial) -> None:
    folder = trial.a_folder()
    made = {f"{folder}/folder": {"directory": ""}, f"{folder}/link": {"link": "target"}}
    others = {f"{folder}/gone": {"remove": ""}, f"{folder}/new": {"rename": f"{folder}/was"}}
    posts = [trial.a_post(path, fileOp=operation) for path, operation in (made | others).items()]
    for source in SOURCES:
        trial.announce(source, *posts)
    going_on = made if trial.fetches else made | others
    trial.hears(passed(trial, 2) * len(going_on), folder)
    if trial.fetches:
        told = {path: sorted(ended) for path, ended in trial.tells(list(made | others), 2).items()}
        assert {path: told[path] for path in others} == dict.fromkeys(others, [("refused", "unsupported_operation")] * 2)
        assert all({ending for ending, _ in told[path]} == {DONE[trial.kind], "repeat"} for path in made)
        assert (trial.cluster.data / folder / "folder").is_dir()
        assert (trial.cluster.data / folder / "link").readlink().name == "target"
    trial.settles()
    heard = [(post["relPath"], post["fileOp"]) for post in trial.hears(0, folder)]
    times = {"shovel": len(SOURCES), "subscribe": 0}.get(trial.kind, 1)
    assert sorted(map(repr, heard)) == sorted(repr(one) for one in going_on.items() for _ in range(times))


def test_an_operator_holds_a_pump_sees_it_held_and_lifts_it(trial: Trial) -> None:
    folder = trial.a_folder()
    path, file = f"{folder}/file", str(trial.cluster.file)
    trial.cluster.command.run("hold", file, PUMP, "--reason", "the disks are moved")
    eventually(lambda: not any(consumers(trial.vhost, queue) for queue in trial.queues), what="the hold")
    trial.announce("alice", trial.a_file(path, b"content"))
    (row,) = (row for row in json.loads(trial.cluster.command.run("status", file, "--json")) if row["instance"] == "1")
    assert (row["pump"], row["kind"], row["state"], row["holds"][0]["reason"]) == (
        PUMP,
        trial.kind,
        "held",
        "the disks are moved",
    )
    (held,) = json.loads(trial.cluster.command.run("holds", file, "--json"))
    assert (held["pump"], held["cause"], held["reason"]) == (f"{PUMP}/1", "operator", "the disks are moved")
    assert trial.cluster.depth(*trial.queues) == 1
    trial.cluster.command.run("lift", file, PUMP)
    goes_through(trial, path, 1)
    trial.settles()
