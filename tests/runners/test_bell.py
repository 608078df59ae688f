import signal
import threading
import time

import pytest

from winnowry.runners.bell import Bell, asked_to_end

SIGNALS = 2_000


@pytest.mark.usefixtures("handlers")
@pytest.mark.timeout(60)
def test_a_handler_may_ring_amid_whatever_the_main_thread_does_with_the_bell() -> None:
    bell, heard = Bell(), 0

    def ring(*_: object) -> None:
        nonlocal heard
        heard += 1
        bell.ring()

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        while heard < SIGNALS:
            bell.ring()
            bell.hush()
            bell.wait(0.0)
            bell.hush()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def test_a_ring_ends_the_wait_of_another_thread_at_once() -> None:
    bell, began = Bell(), time.monotonic()
    threading.Timer(0.05, bell.ring).start()
    assert bell.wait(30)
    assert time.monotonic() - began < 20


def test_it_rings_until_it_is_hushed() -> None:
    bell = Bell()
    bell.ring()
    assert (bell.wait(0.0), bell.wait(0.0)) == (True, True)
    bell.hush()
    assert not bell.wait(0.0)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_whoever_is_asked_to_end_hears_it(number: signal.Signals) -> None:
    bell = asked_to_end()
    assert not bell.wait(0.0)
    signal.raise_signal(number)
    assert bell.rung
