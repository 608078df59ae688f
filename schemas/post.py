"""An announcement: a file, or one block of it, exists at ``base_url`` + ``rel_path``; or an operation on a file."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, field

from winnowry.schemas.fingerprint import Fingerprint

Size = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Foreign = Annotated[Mapping[str, msgspec.Raw], Meta(max_length=0)]
"""Never filled by decoding: the name it would have on the wire is one that no message may use."""
OperationKind = Literal["mkdir", "rmdir", "remove", "link", "hlink", "rename"]


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """A small file carried in its own announcement. ``encoding`` is ``utf-8``, ``base64`` or ``iso-8859-1``."""

    encoding: str
    value: str


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """A file operation: ``target`` is what a link points at, or the old path of a rename."""

    kind: OperationKind
    target: str = ""


class Post(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One announcement, with the fields of the v03 wire contract under our words.

    Times are kept as the wire has them (``schemas.times`` reads them); ``size`` is in bytes; ``mode`` holds octal digits.
    ``origin_path`` is the rel_path as first announced, by which every pump on the way knows a repeat. ``foreign`` holds the
    fields this software does not know, as raw JSON: they are forwarded untouched.
    """

    pub_time: str = field(name="pubTime")
    base_url: str = field(name="baseUrl")
    rel_path: Annotated[str, Meta(min_length=1)] = field(name="relPath")
    retrieve_path: str | None = field(name="retrievePath", default=None)
    origin_path: str | None = field(name="originPath", default=None)
    rename: str | None = None
    source: str | None = None
    from_cluster: str | None = None
    to_clusters: str | None = None
    private: bool = False
    mode: str | None = None
    size: Size | None = None
    mtime: str | None = None
    atime: str | None = None
    fingerprint: Fingerprint | None = field(name="identity", default=None)
    file_op: Mapping[str, Any] | None = field(name="fileOp", default=None)
    blocks: Mapping[str, Any] | None = None
    content: Content | None = None
    foreign: Foreign = field(name="_foreign", default_factory=dict)

    @property
    def path_of_origin(self) -> str:
        """The rel_path as first announced."""
        return self.origin_path or self.rel_path

    @property
    def operation(self) -> Operation | None:
        """What the Post asks for, or None for an ordinary file.

        >>> post = Post(pub_time="20260101T000000.0", base_url="file:", rel_path="a", file_op={"link": "b"})
        >>> post.operation
        Operation(kind='link', target='b')
        """
        return read_operation(self.file_op) if self.file_op is not None else None


def read_operation(file_op: Mapping[str, Any]) -> Operation | None:
    """Read v03's ``fileOp``; None where it holds nothing known (then the Post is refused, never taken for a file)."""
    text = {key: value if isinstance(value, str) else "" for key, value in file_op.items()}
    for kind in ("rename", "link", "hlink"):
        if kind in text:
            return Operation(kind=kind, target=text[kind])
    if "rmdir" in text or ("remove" in text and "directory" in text):
        return Operation(kind="rmdir")
    if "remove" in text:
        return Operation(kind="remove")
    if "directory" in text:
        return Operation(kind="mkdir")
    return None
