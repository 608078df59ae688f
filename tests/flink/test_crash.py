import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random, SystemRandom

import pytest
from brokers import eventually
from winnowing import MORE, PUMP, SECONDS, Winnowing, winnowing

from winnowry.runners.flink.options import MIN_PAUSE_SECONDS
from winnowry.runners.servers.flink import JobServer
from winnowry.runners.servers.flink_cluster import FlinkCluster
from winnowry.runners.servers.management import Broker

pytestmark = [pytest.mark.flink, pytest.mark.e2e, pytest.mark.timeout(900)]

BUT_ONE = 4
"""Subtasks that give their part of a checkpoint while one worker stands still."""

RARELY = 15.0
"""Seconds between two checkpoints: time enough to kill something after one, and before the next."""

Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def stage(
    rabbitmq: Broker, tmp_path_factory: pytest.TempPathFactory, flink_cluster: FlinkCluster, job_server: JobServer
) -> Iterator[Winnowing]:
    with winnowing(rabbitmq, tmp_path_factory.mktemp("winnowing"), flink_cluster, job_server) as made:
        yield made


def kill_a_task_manager(stage: Winnowing, random: Random) -> None:
    number = random.choice(stage.busy_task_managers())
    stage.flink.kill_task_manager(number)
    stage.flink.start_task_manager(number)


def kill_a_worker(stage: Winnowing, random: Random) -> None:
    os.kill(random.choice(stage.workers()), signal.SIGKILL)


def kill_everything(stage: Winnowing, random: Random) -> None:
    del random
    stage.kill_everything()
    assert stage.start(afresh=False).goes_on_from is not None


def goes_on(stage: Winnowing, files: int, kill: Callable[[Winnowing, Random], None], record: Record) -> None:
    """Let both sources announce so many files, kill something at a random moment, and count what comes of it."""
    seed = int(os.environ.get("CRASH_SEED") or SystemRandom().randrange(1_000_000))
    random = Random(seed)
    record("seed", seed)
    print(f"CRASH_SEED={seed}")
    names = stage.begin(files, afresh=kill is kill_a_task_manager)
    with stage.announcing(names):
        stage.fused.wait(round(files * random.uniform(0.05, 0.9)), SECONDS)
        since = stage.last_checkpoint()
        kill(stage, random)
    tally = stage.end(names, since)
    for name, value in tally.told().items():
        record(name, value)
    assert tally.clean, tally


def test_a_task_manager_that_is_killed_costs_no_file_and_shows_no_consumer_one_twice(
    stage: Winnowing, record_property: Record
) -> None:
    goes_on(stage, 5_000, kill_a_task_manager, record_property)


def test_checkpoints_are_made_as_acknowledgements_rely_on(stage: Winnowing) -> None:
    stage.begin(0, afresh=False)
    told = stage.checkpoints("/config")
    assert told["max_concurrent"] == 1
    assert told["min_pause"] == 1000 * MIN_PAUSE_SECONDS
    assert told["tolerable_failed_checkpoints"] == 0
    assert told["externalization"] == {"enabled": True, "delete_on_cancellation": False}


@pytest.mark.long
@pytest.mark.parametrize("kill", [kill_a_task_manager, kill_a_worker, kill_everything])
def test_nothing_is_lost_of_a_hundred_thousand_announcements(
    stage: Winnowing, kill: Callable[[Winnowing, Random], None], record_property: Record
) -> None:
    goes_on(stage, 50_000, kill, record_property)


class Falling:
    """Whether a figure that grows has fallen since it was last looked at."""

    def __init__(self, figure: Callable[[], int]) -> None:
        self._figure, self._last = figure, figure()

    def __call__(self) -> bool:
        before, self._last = self._last, self._figure()
        return self._last < before


def waiting(stage: Winnowing) -> list[int]:
    """Return the number of the checkpoint that is being made, if only one worker's part of it is missing."""
    underway = [told for told in stage.checkpoints()["history"] if told["status"] == "IN_PROGRESS"]
    return [int(told["id"]) for told in underway if told["num_acknowledged_subtasks"] >= BUT_ONE]


def newest(stage: Winnowing) -> str:
    """Return the name of the newest checkpoint that is complete."""
    return stage.operator.points(PUMP)[0].folder.name


@pytest.mark.long
def test_what_is_read_while_a_checkpoint_is_being_made_is_not_lost(stage: Winnowing) -> None:
    names = stage.begin(8_000, every=RARELY)
    completed = stage.completed()
    with stage.announcing(names, at_once=20, pause=0.2):
        stage.fused.wait(100, SECONDS)
        # With the end of the next one, what was read between these two is acknowledged: enough to be seen beside what comes.
        eventually(lambda: stage.completed() > completed + 1, SECONDS, "two checkpoints amid announcements")
        # Not earlier: after some ten seconds without a gate the reader can hand out nothing more.
        due = stage.last_checkpoint() + RARELY
        eventually(lambda: time.time() > due - 1.0, SECONDS, "the next checkpoint being due")
        with stage.without_a_gate() as working:
            eventually(lambda: bool(waiting(stage)), SECONDS, "a checkpoint that waits for one worker")
            [making], before = waiting(stage), stage.unsettled()
            eventually(lambda: stage.unsettled() > before + 400, SECONDS, "the reader going on")
            falls = Falling(stage.unsettled)
            # Not longer: of what was read meanwhile, the gate is not to announce much before something is killed.
            with working():
                eventually(lambda: newest(stage) == f"chk-{making}", SECONDS, "the end of that checkpoint")
            eventually(falls, SECONDS, "acknowledgements of what it holds")
            kill_a_task_manager(stage, Random(0))
    tally = stage.end(names, 0.0)
    assert stage.checkpoints()["latest"]["restored"]["id"] == making
    assert tally.clean, tally


@pytest.mark.long
def test_a_pump_stopped_amid_announcements_remembers_all_of_them_when_it_goes_on_with_other_settings(stage: Winnowing) -> None:
    names = stage.begin(5_000)
    known, later, rejected = names[:3_000], names[3_000:4_000], names[4_000:]
    with stage.announcing(known):
        stage.fused.wait(300, SECONDS)
        before = time.time()
        point = stage.operator.stop(PUMP)

    stage.write(f", reject: [{json.dumps(rejected[0])}]", sources=MORE)
    assert stage.start(afresh=False).goes_on_from == point
    tally = stage.end(known, before)
    assert tally.clean, tally
    stage.fused.forget()
    with stage.announcing(names, by=["xcarol"]):
        stage.fused.hears_all(later + rejected[1:], SECONDS)
    stage.settles()
    assert stage.fused.heard == Counter(later + rejected[1:])
