import os
from pathlib import Path

import apache_beam as beam
from apache_beam.testing.util import assert_that, equal_to
from arrivals import a_delivery, an_arrival
from msgspec.structs import replace
from pools import files_in

from winnowry.io.discard import Discard
from winnowry.io.files import Files
from winnowry.io.tree import Tree
from winnowry.schemas.arrival import Fetched
from winnowry.schemas.outcome import Ending, Outcome, end
from winnowry.schemas.reasons import Reason


def test_what_failed_its_verification_leaves_nothing_on_disk(tmp_path: Path) -> None:
    descriptor, temporary = Tree(tmp_path).create_temporary("a/b")
    os.close(descriptor)
    (tmp_path / "a/kept").write_bytes(b"")
    arrival = replace(an_arrival(place="a/b"), fetched=Fetched(temporary=temporary))
    outcomes = [
        end(arrival, Ending.FAILED, Reason.CHECKSUM_MISMATCH),
        end(an_arrival(), Ending.FAILED, Reason.CHECKSUM_MISMATCH),
        Outcome(ending=Ending.MALFORMED, reason=Reason.BODY_UNREADABLE, delivery=a_delivery()),
    ]
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        assert_that(pipeline | beam.Create(outcomes) | Discard(files=Files(root=tmp_path)), equal_to(outcomes))
    assert files_in(tmp_path) == ["a/kept"]
