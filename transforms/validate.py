"""Refuse what no pump should act upon, and stamp what no announcer should say of itself."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any
from urllib.parse import unquote

import apache_beam as beam
import msgspec
from apache_beam.pvalue import PCollection

from winnowry.schemas.arrival import Arrival
from winnowry.schemas.branches import Branches
from winnowry.schemas.errors import Malformed, Refused
from winnowry.schemas.outcome import Ending, Outcome, end, refuse
from winnowry.schemas.paths import check_characters, check_link, check_path
from winnowry.schemas.post import Post
from winnowry.schemas.reasons import Reason
from winnowry.schemas.times import read_time
from winnowry.schemas.urls import without_password
from winnowry.transforms.bounds import Bounds
from winnowry.transforms.branch import branch


def validate(
    arrival: Arrival, bounds: Bounds, cluster: str, clock: Callable[[], float], relays: bool = False
) -> Arrival | Outcome:
    """Return the Arrival with a Post that may be acted upon, or its Outcome `refused` or `malformed`.

    ``cluster`` is our own; ``clock`` gives Unix time. A pump that ``relays`` touches no file: it passes on the
    operations and blocks that others may act upon, when their paths are inside.
    """
    post = arrival.post
    try:
        _check_paths(post)
        _check_targets(post)
        if not relays:
            _check_support(post)
        _check_numbers(post, bounds, clock())
        _check_url(post, bounds)
        cleaned = _STAMPS[arrival.edge.kind](arrival, cluster)
    except Malformed as error:
        return end(arrival, Ending.MALFORMED, error.reason, error.detail)
    except Refused as error:
        return refuse(arrival, error.reason, error.detail)
    return arrival if cleaned is post else msgspec.structs.replace(arrival, post=cleaned)


@dataclass(kw_only=True)
class Validate(beam.PTransform):
    """Apply ``validate`` to Arrivals. ``clock`` is a function that pickles by name, such as ``time.time``.

    >>> Validate(cluster="ddi.example.org", bounds=Bounds(max_file=5 * 10**9), clock=float).bounds.max_file
    5000000000
    """

    cluster: str
    clock: Callable[[], float]
    bounds: Bounds = field(default_factory=Bounds)
    relays: bool = False

    def expand(self, arrivals: PCollection) -> Branches:
        """Return the Arrivals that may be acted upon, and the Outcomes of the others."""
        judge = partial(validate, bounds=self.bounds, cluster=self.cluster, clock=self.clock, relays=self.relays)
        return branch(arrivals, judge)


def _check_paths(post: Post) -> None:
    check_path(post.rel_path)
    if post.origin_path is not None:
        check_path(post.origin_path)
    if post.rename:
        check_path(post.rename.removesuffix("/"), Reason.RENAME_OUTSIDE_ROOT)
    if post.retrieve_path is not None:
        check_characters(post.retrieve_path)
        if ".." in unquote(post.retrieve_path).split("/"):
            raise Refused(Reason.PATH_OUTSIDE_ROOT, f"retrievePath {post.retrieve_path!r} holds '..'")


def _check_targets(post: Post) -> None:
    """Check every target in a fileOp: of two operations in one, somebody behind us may choose the other."""
    if post.file_op is None:
        return
    if post.operation is None:
        raise Refused(Reason.UNSUPPORTED_OPERATION, f"fileOp {sorted(post.file_op)!r}"[:200])
    for kind, check in _TARGETS.items():
        if kind in post.file_op:
            target = post.file_op[kind]
            check(post.rel_path, target if isinstance(target, str) else "")


_TARGETS: Mapping[str, Callable[[str, str], str]] = {
    "link": check_link,
    "hlink": lambda _, target: check_path(target, Reason.LINK_OUTSIDE_ROOT),
    "rename": lambda _, target: check_path(target, Reason.RENAME_OUTSIDE_ROOT),
}


def _check_support(post: Post) -> None:
    if "newname" in post.foreign:
        raise Refused(Reason.UNSUPPORTED_OPERATION, "half of a rename as v2 announces it")
    if post.blocks is not None and not _is_whole(post.blocks):
        raise Refused(Reason.UNSUPPORTED_BLOCKS, "one block of a file")
    if post.operation is not None and post.operation.kind not in ("mkdir", "link"):
        raise Refused(Reason.UNSUPPORTED_OPERATION, post.operation.kind)


def _is_whole(blocks: Mapping[str, Any]) -> bool:
    """Whether the only block is the file; C writes its numbers as text, sr3 counts in a manifest."""
    manifest = blocks.get("manifest")
    return str(blocks.get("count", "")) == "1" or (isinstance(manifest, Mapping) and len(manifest) == 1)


def _check_numbers(post: Post, bounds: Bounds, now: float) -> None:
    if bounds.max_file is not None and post.size is not None and post.size > bounds.max_file:
        raise Refused(Reason.TOO_LARGE, f"{post.size} bytes, {bounds.max_file} allowed")
    age = now - read_time(post.pub_time) / 1e9
    if bounds.max_age is not None and age > bounds.max_age.total_seconds():
        raise Refused(Reason.TOO_OLD, f"announced {age:.0f} s ago")
    if bounds.max_future is not None and -age > bounds.max_future.total_seconds():
        raise Refused(Reason.TOO_YOUNG, f"announced {-age:.0f} s ahead of our clock")
    for time in (post.mtime, post.atime):
        if time is not None:
            read_time(time)


def _check_url(post: Post, bounds: Bounds) -> None:
    if _scheme_of(post.base_url, bounds.schemes) == "file":
        path = post.retrieve_path or post.rel_path
        _check_local(unquote(f"{post.base_url[len('file:') :]}/{path}"), bounds)


@lru_cache(maxsize=1024)
def _scheme_of(base_url: str, allowed: frozenset[str]) -> str:
    written, colon, rest = check_characters(base_url).partition(":")
    scheme = written.lower()
    if not colon or base_url.split() != [base_url]:
        raise Malformed(Reason.FIELD_INVALID, f"baseUrl {without_password(base_url)!r} is no URL")
    if scheme not in allowed:
        raise Refused(Reason.SCHEME_NOT_ALLOWED, f"{scheme[:20]!r} is none of {', '.join(sorted(allowed))}")
    if scheme != "file" and (not rest.startswith("//") or not rest[2:].partition("/")[0]):
        raise Malformed(Reason.FIELD_INVALID, f"baseUrl names no host behind {scheme}:")
    if without_password(base_url) != base_url:
        raise Refused(Reason.SCHEME_NOT_ALLOWED, "baseUrl holds a password, which would be announced to everybody")
    return scheme


def _check_local(path: str, bounds: Bounds) -> None:
    components = [component for component in path.split("/") if component not in ("", ".")]
    folder = "/" + "/".join(components) + "/"
    if ".." in components or not any(folder.startswith(root.rstrip("/") + "/") for root in bounds.file_roots):
        raise Refused(Reason.SCHEME_NOT_ALLOWED, f"file:{folder} is below none of this pump's file_roots")


def _stamp_user(arrival: Arrival, cluster: str) -> Post:
    post, user = arrival.post, arrival.edge.user
    return msgspec.structs.replace(_tidied(post), source=user, from_cluster=cluster, origin_path=post.rel_path)


def _stamp_feeder(arrival: Arrival, cluster: str) -> Post:
    post = arrival.post
    if cluster and post.from_cluster == cluster:
        raise Refused(Reason.FROM_OURSELVES, f"{arrival.edge.name} brings back what {cluster} announced first")
    if post.source is None:
        return msgspec.structs.replace(_tidied(post), source=arrival.edge.user or None)
    if "/" in check_path(post.source):
        raise Malformed(Reason.FIELD_INVALID, f"source {post.source!r} is no name")
    return _tidied(post)


def _stamp_internal(arrival: Arrival, cluster: str) -> Post:
    return arrival.post


_OCTAL = re.compile(r"(?:0o)?[0-7]{1,8}", re.ASCII)
_STAMPS: Mapping[str, Callable[[Arrival, str], Post]] = {
    "user": _stamp_user,
    "feeder": _stamp_feeder,
    "internal": _stamp_internal,
}


def _tidied(post: Post) -> Post:
    """Drop what an announcer may not ask of us: private fields, special mode bits, the block plan of a whole file."""
    changes: dict[str, Any] = {}
    if post.mode is not None and (mode := _mode(post.mode)) != post.mode:
        changes["mode"] = mode
    if any(key.startswith(("_", "new_")) for key in post.foreign):
        changes["foreign"] = {key: value for key, value in post.foreign.items() if not key.startswith(("_", "new_"))}
    if post.blocks is not None and _is_whole(post.blocks):
        changes["blocks"] = None
    return msgspec.structs.replace(post, **changes) if changes else post


def _mode(digits: str) -> str:
    if not _OCTAL.fullmatch(digits):
        raise Malformed(Reason.FIELD_INVALID, f"mode {digits[:20]!r} is no octal number")
    mode = int(digits, 8)
    return digits if mode <= 0o777 else f"{mode & 0o777:o}"
