from base64 import b64encode
from hashlib import sha512
from typing import Any

import msgspec
import pytest
from arrivals import an_arrival
from lists import check_branches

from winnowry.schemas.arrival import Arrival, Fetched
from winnowry.schemas.fingerprint import Fingerprint
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.reasons import Reason
from winnowry.transforms.patience import Patience
from winnowry.transforms.verify import Verify, verify

DIGEST = sha512(b"hello").digest()
RIGHT = Fingerprint(method="sha512", value=b64encode(DIGEST).decode())


def fetched(
    received: int = 5, method: str = "sha512", digest: bytes = DIGEST, temporary: str | None = "t", **fields: Any
) -> Arrival:
    """An Arrival whose file came with these; ``fields`` are those of its Post."""
    file = Fetched(temporary=temporary, size=received, method=method, digest=digest)
    return msgspec.structs.replace(an_arrival(**fields), fetched=file)


def test_matching_file_goes_on_unchanged() -> None:
    arrival = fetched(size=5, fingerprint=RIGHT)
    assert verify(arrival, Patience()) is arrival


def test_wrong_size_is_tried_again() -> None:
    outcome = verify(fetched(size=6, fingerprint=RIGHT), Patience())
    assert isinstance(outcome, Outcome)
    assert (outcome.ending, outcome.reason) == (Ending.RETRIED, Reason.SIZE_MISMATCH)
    assert outcome.detail == "5 bytes received, 6 announced"


def test_wrong_checksum_is_tried_again() -> None:
    outcome = verify(fetched(digest=b"\0" * 64, fingerprint=RIGHT), Patience())
    assert isinstance(outcome, Outcome)
    assert (outcome.ending, outcome.reason) == (Ending.RETRIED, Reason.CHECKSUM_MISMATCH)


def test_checksum_that_was_not_calculated_is_never_taken_for_right() -> None:
    outcome = verify(fetched(method="md5", digest=b"", fingerprint=RIGHT), Patience())
    assert isinstance(outcome, Outcome)
    assert (outcome.ending, outcome.reason) == (Ending.FAILED, Reason.CHECKSUM_UNKNOWN)


@pytest.mark.parametrize("value", ["?", "é"])
def test_unreadable_checksum_is_malformed(value: str) -> None:
    outcome = verify(fetched(fingerprint=Fingerprint(method="sha512", value=value)), Patience())
    assert isinstance(outcome, Outcome)
    assert (outcome.ending, outcome.reason) == (Ending.MALFORMED, Reason.FIELD_INVALID)


@pytest.mark.parametrize("fingerprint", [None, Fingerprint(method="random", value="0427")])
def test_missing_checksum_passes_unless_demanded(fingerprint: Fingerprint | None) -> None:
    arrival = fetched(method="", digest=b"", fingerprint=fingerprint)
    assert verify(arrival, Patience()) is arrival
    outcome = verify(arrival, Patience(), demand=True)
    assert isinstance(outcome, Outcome)
    assert outcome.reason is Reason.CHECKSUM_UNKNOWN


def test_checksum_left_to_us_is_announced_onward() -> None:
    result = verify(fetched(fingerprint=Fingerprint(method="cod", value="sha512")), Patience(), demand=True)
    assert isinstance(result, Arrival)
    assert result.post.fingerprint == RIGHT


def test_file_that_an_earlier_attempt_placed_is_not_looked_at_again() -> None:
    arrival = fetched(temporary=None, received=0, fingerprint=RIGHT)
    assert verify(arrival, Patience()) is arrival


def test_arrivals_go_on_or_end() -> None:
    good, bad = fetched(fingerprint=RIGHT), fetched(size=6, fingerprint=RIGHT)
    check_branches(Verify(), [good, bad], going_on=[good], ended=[verify(bad, Patience())])
