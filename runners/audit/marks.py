"""How the audit tells Posts and contents apart: 16-byte hashes, so that hundreds of thousands of them fit into memory.

It asks the same of a Post as the memory of a pump does, and computes it on its own: a checker that shared the pump's keys would
share its mistakes.
"""

from hashlib import blake2b

import msgspec

from winnowry.schemas.post import Post
from winnowry.schemas.urls import without_password

REPLAY = "replayId"


class Marks(msgspec.Struct, frozen=True, gc=False):
    """What a Post is known by.

    ``report`` as a Report repeats it, ``onward`` as the next announcement repeats it, ``news`` by what it says of which path.
    """

    report: bytes
    onward: bytes
    news: bytes


def marks_of(post: Post, path: str, *, source: str = "", anywhere: bool = False) -> Marks:
    """Return the marks of a Post whose path as first announced is ``path``.

    ``source`` keeps equal paths of several sources apart; ``anywhere`` says that equal content is the same at any path.

    >>> post = Post(pub_time="20260101T000000.5", base_url="file:", rel_path="a")
    >>> moved = msgspec.structs.replace(post, rel_path="alice/a", base_url="https://dd.example.org/")
    >>> ours, theirs = marks_of(post, "a"), marks_of(moved, "a")
    >>> ours.onward == theirs.onward, ours.news == theirs.news, ours.report == theirs.report
    (True, True, False)
    """
    content = _content_of(post)
    report = _mark(post.rel_path, post.pub_time, without_password(post.base_url), content)
    place = "" if anywhere and post.size and _says_content(post) else path
    return Marks(report, _mark(path, post.pub_time, content), _mark(place, content, _way_of(post), source))


def _content_of(post: Post) -> str:
    operation = post.operation
    if operation is not None:
        return f"{operation.kind} {operation.target}"
    if post.fingerprint is not None and _says_content(post):
        return f"{post.fingerprint.method} {post.fingerprint.value}"
    return f"stat {post.mtime or post.pub_time}"


def _says_content(post: Post) -> bool:
    return post.file_op is None and post.fingerprint is not None and post.fingerprint.says_content


def _way_of(post: Post) -> str:
    """Where a Post goes on to: what was news for one place is not known at another."""
    destinations = ",".join(sorted((post.to_clusters or "").replace(" ", "").split(",")))
    replay = bytes(post.foreign[REPLAY]).decode(errors="replace") if REPLAY in post.foreign else ""
    return f"{post.private} {destinations} {replay}"


def _mark(*parts: str) -> bytes:
    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()
