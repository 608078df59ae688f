"""One of two instances stands still inside a write transaction of the memory that they share."""

import signal
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import dying
import pytest
from brokers import eventually
from clusters import consumers
from dying import Death, PumpProcess
from stages import PUMP, Stage, stage

from winnowry.runners.control import socket_of
from winnowry.runners.pulse import Pulse
from winnowry.runners.servers.management import Broker
from winnowry.runners.supervisor import SILENCE, Child, tend_all
from winnowry.schemas.post import Post

pytestmark = pytest.mark.e2e

FILES = 30
STOPPED = {"reserving": Death("reserving", signal.SIGSTOP, 5), "committing": Death("committing", signal.SIGSTOP, 1)}


@pytest.fixture
def winnow(rabbitmq: Broker, tmp_path: Path) -> Iterator[Stage]:
    with stage(rabbitmq, tmp_path, "winnow", ", to: xpublic") as made:
        yield made


def both_listen(winnow: Stage) -> bool:
    return all(consumers(winnow.vhost, queue) == 2 for queue in winnow.queues)


def stopped_amid(winnow: Stage, death: Death) -> tuple[PumpProcess, PumpProcess, Counter[str]]:
    """Let one of two instances stand still in a transaction; return both, and what will have to be announced."""
    files = winnow.plant(FILES)
    winnow.watch()
    still, other = winnow.begin(death, number=1), winnow.begin(number=2)
    eventually(lambda: both_listen(winnow), 60, "two consumers of each queue")
    for source in ("alice", "bob"):
        winnow.announce(source, files, f"http://{source}.example.org/")
    eventually(lambda: still.stopped, 60, "its standing still")
    assert still.passed == f"{death.point} {death.passing}"
    return still, other, Counter(list(files))


def waits(winnow: Stage, number: int = 2) -> bool:
    """Whether an instance still answers, with work that it cannot do."""
    return winnow.cluster.ask(PUMP, number=number)["unsettled"] > 0


def finish(winnow: Stage, announced: Counter[str], wanted: Counter[str], *living: PumpProcess) -> None:
    """Wait until everything was announced, and all is over."""

    def all_there() -> bool:
        announced.update(post.rel_path for post in winnow.heard("xpublic") if isinstance(post, Post))
        return announced.keys() >= wanted.keys()

    eventually(all_there, 60, "an announcement of each file")
    winnow.end(*living)
    announced.update(post.rel_path for post in winnow.heard("xpublic") if isinstance(post, Post))


@pytest.mark.long
@pytest.mark.parametrize("point", STOPPED)
def test_its_sibling_waits_and_both_go_on_when_it_is_continued(winnow: Stage, point: str) -> None:
    still, other, wanted = stopped_amid(winnow, STOPPED[point])
    eventually(lambda: waits(winnow), what="work that waits")
    still.send(signal.SIGCONT)
    announced: Counter[str] = Counter()
    finish(winnow, announced, wanted, still, other)
    assert announced == wanted


@pytest.mark.parametrize("point", [pytest.param("reserving", marks=pytest.mark.long), "committing"])
def test_its_sibling_waits_and_does_all_the_work_when_it_is_killed(winnow: Stage, point: str) -> None:
    still, other, wanted = stopped_amid(winnow, STOPPED[point])
    eventually(lambda: waits(winnow), what="work that waits")
    still.send(signal.SIGKILL)
    assert still.join() == -signal.SIGKILL
    announced: Counter[str] = Counter()
    finish(winnow, announced, wanted, other)
    assert announced.keys() == wanted.keys()


def instance(winnow: Stage, number: int, *command: str, silence: float = SILENCE) -> Child:
    """Return an instance that a supervisor tends until it is idle."""
    words = [*command, str(winnow.cluster.file), PUMP, str(number), "--until-idle"]
    return Child(words, f"{PUMP}/{number}", Pulse(socket_of(winnow.memory.parent, number)), silence=silence)


@pytest.mark.long
@pytest.mark.usefixtures("handlers")
def test_a_supervisor_kills_what_stands_still_and_its_sibling_waits_no_more(
    winnow: Stage, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    files = winnow.plant(FILES)
    winnow.watch()
    for source in ("alice", "bob"):
        winnow.announce(source, files, f"http://{source}.example.org/")
    witness = tmp_path / "stands_still"
    still = [sys.executable, dying.__file__, "reserving", "5", str(witness)]
    after = ["sh", "-c", f'until [ -e "{witness}" ]; do sleep 0.05; done; exec "$@"', "sh"]
    other = [*after, sys.executable, "-m", "winnowry.runners.child"]
    assert tend_all([instance(winnow, 1, *still, silence=12.0), instance(winnow, 2, *other)]) == 0
    assert "a pump hangs and is killed" in capfd.readouterr().out
    winnow.end(winnow.begin())
    announced = {post.rel_path for post in winnow.heard("xpublic") if isinstance(post, Post)}
    assert announced == files.keys()
