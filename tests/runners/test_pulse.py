import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from brokers import eventually

from winnowry.runners.control import Control
from winnowry.runners.pulse import ASKED_EVERY, Pulse


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


@pytest.fixture
def deaf(path: Path) -> Iterator[socket.socket]:
    """Somebody who listens, and says nothing."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(1)
        yield listening


def test_who_answers_is_never_silent(path: Path) -> None:
    pulse = Pulse(path)
    with Control(path, lambda request: request):
        pulse.silence(100.0)
        eventually(lambda: pulse.silence(101.0) == 0.0)
        assert pulse.silence(101.0 + ASKED_EVERY - 0.01) == 0.0
        pulse.silence(101.0 + ASKED_EVERY)
        eventually(lambda: pulse.silence(150.0) == 0.0)


def test_silence_counts_from_the_question(path: Path, deaf: socket.socket) -> None:
    pulse = Pulse(path)
    assert [pulse.silence(now) for now in (100.0, 103.0, 170.0)] == [0.0, 3.0, 70.0]


def test_one_who_does_not_listen_yet_is_silent(path: Path) -> None:
    pulse = Pulse(path)
    assert [pulse.silence(now) for now in (100.0, 130.0)] == [0.0, 30.0]
    with Control(path, lambda request: request):
        eventually(lambda: pulse.silence(131.0) == 0.0)


def test_one_who_hangs_up_without_a_word_is_asked_again(path: Path, deaf: socket.socket) -> None:
    pulse = Pulse(path)
    assert pulse.silence(100.0) == 0.0
    deaf.accept()[0].close()
    assert pulse.silence(101.0) == 1.0
    assert pulse.silence(102.0) == 2.0
    heard, _ = deaf.accept()
    heard.sendall(b"{}\n")
    assert pulse.silence(103.0) == 0.0
    heard.close()


def test_whoever_asks_may_have_been_stopped_itself(path: Path, deaf: socket.socket) -> None:
    pulse = Pulse(path)
    pulse.silence(100.0)
    heard, _ = deaf.accept()
    heard.sendall(b"{}\n")
    assert pulse.silence(5000.0) == 0.0
    assert pulse.silence(5000.0 + ASKED_EVERY) == 0.0
    heard.close()


def test_what_was_asked_of_one_that_died_does_not_count_against_the_next(path: Path, deaf: socket.socket) -> None:
    pulse = Pulse(path)
    assert pulse.silence(100.0) == 0.0
    pulse.begin(150.0)
    assert [pulse.silence(now) for now in (149.0, 150.0, 151.0)] == [0.0, 0.0, 1.0]
