import pytest
from arrivals import a_delivery, an_arrival

from winnowry.schemas.arrival import Arrival
from winnowry.schemas.errors import ConfigError, Malformed, Mismatch, Refused, SourceRefused, Terminal, Transient, Unreachable
from winnowry.schemas.outcome import Ending
from winnowry.schemas.reasons import Reason
from winnowry.transforms.patience import Patience
from winnowry.transforms.retry import retry

UNREACHABLE = Unreachable(Reason.UNREACHABLE, "example.org: connection refused")


def at_attempt(number: int) -> Arrival:
    return an_arrival(delivery=a_delivery(attempt=number))


@pytest.mark.parametrize(("attempt", "delay"), [(1, 1.0), (2, 10.0), (3, 60.0), (4, 600.0), (5, 600.0), (9, 600.0)])
def test_waits_grow_and_then_repeat(attempt: int, delay: float) -> None:
    outcome = retry(at_attempt(attempt), UNREACHABLE, Patience())
    assert (outcome.ending, outcome.delay) == (Ending.RETRIED, delay)


def test_retried_outcome_says_why() -> None:
    outcome = retry(at_attempt(1), UNREACHABLE, Patience())
    assert (outcome.reason, outcome.detail) == (Reason.UNREACHABLE, "example.org: connection refused")


def test_last_attempt_fails() -> None:
    assert retry(at_attempt(10), UNREACHABLE, Patience()).ending is Ending.FAILED
    assert retry(at_attempt(9), UNREACHABLE, Patience()).ending is Ending.RETRIED


def test_reason_that_deserves_few_attempts_ends_sooner() -> None:
    mismatch = Mismatch(Reason.CHECKSUM_MISMATCH)
    assert retry(at_attempt(2), mismatch, Patience()).ending is Ending.RETRIED
    assert retry(at_attempt(3), mismatch, Patience()).ending is Ending.FAILED


def test_impatient_pump_ends_sooner_than_the_reason() -> None:
    assert retry(at_attempt(1), Mismatch(Reason.SIZE_MISMATCH), Patience(attempts=1)).ending is Ending.FAILED


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (Terminal(Reason.CHECKSUM_UNKNOWN), Ending.FAILED),
        (SourceRefused(Reason.GONE), Ending.FAILED),
        (Refused(Reason.TOO_LARGE), Ending.REFUSED),
        (Malformed(Reason.FIELD_INVALID), Ending.MALFORMED),
    ],
)
def test_terminal_error_ends_at_once(error: Terminal | Transient, ending: Ending) -> None:
    assert retry(at_attempt(1), error, Patience()).ending is ending


@pytest.mark.parametrize("settings", [{"attempts": 0}, {"delays": ()}, {"delays": (1.0, -1.0)}])
def test_patience_without_meaning_is_refused(settings: dict) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings))):
        Patience(**settings)
