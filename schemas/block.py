"""One span of a file, and all its spans, as three generations of announcements describe them."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from winnowry.schemas.errors import Malformed
from winnowry.schemas.fingerprint import Fingerprint
from winnowry.schemas.post import Post
from winnowry.schemas.reasons import Reason

_MOST = 2**63 - 1
_STORED: Mapping[str, Literal["inplace", "separate"]] = {
    "inplace": "inplace",
    "separate": "separate",
    "partitioned": "separate",
}


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """One span of a file: ``size`` bytes from byte ``offset``; blocks are numbered from 0."""

    number: int
    offset: int
    size: int
    fingerprint: Fingerprint | None = None


class BlockPlan(msgspec.Struct, frozen=True, kw_only=True):
    """All spans of a file of ``file_size`` bytes: ``count`` blocks of ``block_size`` bytes, the last as long as what is left.

    ``manifest`` lists them where the announcement did; otherwise they are reckoned when asked for, so that a plan of many
    blocks costs nothing. ``stored`` says whether the announcer keeps them in one file or in one file each.

    >>> plan = BlockPlan(file_size=1000, block_size=400, count=3)
    >>> [(block.offset, block.size) for block in plan]
    [(0, 400), (400, 400), (800, 200)]
    """

    file_size: int
    block_size: int
    count: int
    stored: Literal["inplace", "separate"] = "inplace"
    manifest: tuple[Block, ...] = ()

    def block(self, number: int) -> Block:
        """Return the block of this number. Raises Malformed when the plan has none."""
        if not 0 <= number < self.count:
            raise _wrong(f"no block {number} among {self.count}")
        if self.manifest:
            return self.manifest[number]
        offset = number * self.block_size
        return Block(number=number, offset=offset, size=min(self.block_size, self.file_size - offset))

    def __iter__(self) -> Iterator[Block]:
        return map(self.block, range(self.count))


def read_plan(post: Post) -> BlockPlan | None:
    """Return all spans of the file that a Post announces a part of; None where it announces the whole.

    Reads sr3's manifest, and the numbers that C and v02 (as ``parts``) give instead. Raises Malformed.
    """
    blocks = post.blocks
    if blocks is None:
        return None
    stored = _STORED.get(str(blocks.get("method", "inplace")))
    if stored is None:
        raise _wrong(f"method {blocks['method']!r}"[:80])
    manifest = blocks.get("manifest")
    if isinstance(manifest, Mapping):
        method = post.fingerprint.method if post.fingerprint else ""
        spans = tuple(_read_manifest(manifest, method))
        end = spans[-1].offset + spans[-1].size if spans else 0
        return BlockPlan(file_size=end, block_size=_number(blocks, "size"), count=len(spans), stored=stored, manifest=spans)
    return _reckon(blocks, stored)


def read_block(post: Post) -> Block | None:
    """Return the span that a Post announces, with its fingerprint; None where it announces a whole file.

    Raises Malformed.

    >>> post = Post(pub_time="20260101T000000.0", base_url="file:", rel_path="a", size=250,
    ...     blocks={"size": "400", "count": "3", "remainder": "250", "number": "2"})
    >>> read_block(post)
    Block(number=2, offset=800, size=250, fingerprint=None)
    """
    plan = read_plan(post)
    if plan is None or post.blocks is None or "number" not in post.blocks:
        return None
    block = plan.block(_number(post.blocks, "number"))
    return msgspec.structs.replace(block, fingerprint=post.fingerprint or block.fingerprint)


def _reckon(blocks: Mapping[str, Any], stored: Literal["inplace", "separate"]) -> BlockPlan:
    size, count, remainder = _number(blocks, "size"), _number(blocks, "count"), _number(blocks, "remainder")
    if count < 1 or remainder > size or (not size and count > 1):
        raise _wrong(f"{count} blocks of {size} bytes with {remainder} left")
    file_size = count * size + (remainder - size if remainder else 0)
    if file_size > _MOST:
        raise _wrong(f"a file of {file_size} bytes")
    return BlockPlan(file_size=file_size, block_size=size, count=count, stored=stored)


def _read_manifest(manifest: Mapping[str, Any], method: str) -> Iterator[Block]:
    offset = 0
    for number in range(len(manifest)):
        entry = manifest.get(str(number))
        if not isinstance(entry, Mapping):
            raise _wrong(f"no entry {number} in a manifest of {len(manifest)}")
        size = _number(entry, "size")
        yield Block(number=number, offset=offset, size=size, fingerprint=_read_identity(entry.get("identity"), method))
        offset += size


def _read_identity(identity: Any, method: str) -> Fingerprint | None:
    if isinstance(identity, Mapping):
        return Fingerprint(method=str(identity.get("method", method)), value=str(identity.get("value", "")))
    return Fingerprint(method=method, value=identity) if isinstance(identity, str) and method else None


def _number(fields: Mapping[str, Any], name: str) -> int:
    value = fields.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST:
        raise _wrong(f"{name} is {str(value)[:40]!r}")
    return value


def _wrong(what: str) -> Malformed:
    return Malformed(Reason.FIELD_INVALID, f"blocks: {what}")
