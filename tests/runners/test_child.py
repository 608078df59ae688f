from pathlib import Path
from typing import Any

import pytest

from winnowry.runners.child import main
from winnowry.runners.instance import answering


class Engine:
    """Notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def hold(self, reason: str, by: str) -> None:
        self.asked.append(("hold", reason, by))

    def lift(self) -> None:
        self.asked.append(("lift",))

    def stop(self) -> None:
        self.asked.append(("stop",))

    def status(self) -> dict[str, Any]:
        return {"state": "running"}


def test_a_wrong_setting_is_no_reason_to_try_again(tmp_path: Path) -> None:
    (tmp_path / "cluster.yaml").write_text("cluster: [")
    assert main([str(tmp_path / "cluster.yaml"), "ingest", "1"]) == 2


@pytest.mark.parametrize(
    ("request_", "asked"),
    [
        ({"do": "status"}, []),
        ({"do": "hold", "reason": "disk full", "by": "ops"}, [("hold", "disk full", "ops")]),
        ({"do": "hold"}, [("hold", "", "operator")]),
        ({"do": "lift"}, [("lift",)]),
        ({"do": "drain"}, [("stop",)]),
    ],
)
def test_what_is_asked_is_done_and_answered_with_the_status(request_: dict[str, str], asked: list[tuple[str, ...]]) -> None:
    engine = Engine()
    assert answering(engine)(request_) == {"state": "running"}  # type: ignore[arg-type]
    assert engine.asked == asked


def test_what_nobody_can_do_is_answered_too() -> None:
    assert answering(Engine())({"do": "fly"}) == {"error": "'fly' is none of status, hold, lift, drain, ping"}  # type: ignore[arg-type]
