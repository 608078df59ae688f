import hashlib
import threading

import pytest

from winnowry.io.digest import Beside


def hashing_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("winnowry-hash")]


def test_checksum_calculated_beside_is_that_of_all_pieces_in_their_order() -> None:
    running = hashlib.sha512(b"begun here, ")
    beside = Beside(running)
    for number in range(100):
        beside.update(b"%d" % number * 10_000)
    expected = hashlib.sha512(b"begun here, " + b"".join(b"%d" % number * 10_000 for number in range(100)))
    assert beside.digest() == expected.digest()
    assert hashing_threads() == []


def test_what_is_given_up_leaves_no_thread() -> None:
    beside = Beside(hashlib.sha512())
    beside.update(b"a piece")
    assert hashing_threads() != []
    beside.close()
    beside.close()
    assert hashing_threads() == []


class Failing:
    def update(self, data: bytes, /) -> object:
        raise MemoryError(f"no room for {len(data)} bytes")

    def digest(self) -> bytes:
        return b"of less than all"


def test_what_could_not_be_hashed_has_no_checksum() -> None:
    beside = Beside(Failing())
    beside.update(b"a piece")
    with pytest.raises(MemoryError, match="7 bytes"):
        beside.digest()
    beside.close()
