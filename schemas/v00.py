"""The v00 wire contract, inward only: ``<md5> <size> <baseUrl> <relPath>``, from the days of dd_subscribe 1."""

from collections.abc import Mapping
from typing import Any

from winnowry.schemas.errors import Malformed
from winnowry.schemas.post import Post
from winnowry.schemas.reasons import Reason
from winnowry.schemas.times import write_time
from winnowry.schemas.v02 import first_line, read_words, text_of

_SOURCE = "metpx"


def read_v00(body: bytes, headers: Mapping[str, Any], pub_time: int) -> Post:
    """Read a v00 line; it holds no date, so ``pub_time`` (nanoseconds of Unix time) is when it came.

    Raises Malformed, naming the field that is wrong, and nothing else.

    >>> read_v00(b"25d231ec0ae3c569ba27ab7a74dd72ce 256 http://example.org/ a/b.xml", {}, 0).size
    256
    """
    words = first_line(body).split()
    if len(words) != 4:
        raise Malformed(Reason.BODY_UNREADABLE, f"{len(words)} words where v00 has 4")
    digest, size, base_url, rel_path = words
    texts = {name: text_of(value) for name, value in headers.items() if not name.startswith("x-")}
    texts |= {"sum": f"d,{digest}", "parts": f"1,{size},1,0,0", "source": _SOURCE, "to_clusters": "ALL"}
    return read_words(write_time(pub_time), base_url, rel_path, texts)
