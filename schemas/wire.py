"""Which wire contract a message follows: by its content type, then by its first byte, never by the version in its topic.

The one exception is v00, whose lines nothing but the topic tells apart.
"""

import time
from collections.abc import Callable

from winnowry.schemas.delivery import Delivery
from winnowry.schemas.errors import Malformed
from winnowry.schemas.post import Post
from winnowry.schemas.reasons import Reason
from winnowry.schemas.report import Report
from winnowry.schemas.v00 import read_v00
from winnowry.schemas.v02 import read_v02
from winnowry.schemas.v03 import read_v03

_JSON = "application/json"
_LINES = ("text/plain", "application/octet-stream", "")


def read(delivery: Delivery, clock: Callable[[], int] = time.time_ns) -> Post | Report:
    """Read a message of any contract; ``clock`` (nanoseconds) dates those that carry no date. Raises Malformed.

    >>> delivery = Delivery(body=b"20260101000000.5 http://example.org/ a/b", queue="q", exchange="xpublic")
    >>> read(delivery).rel_path
    'a/b'
    """
    kind = delivery.content_type
    body = delivery.body
    if kind == _JSON or body[:1] == b"{":
        return read_v03(body)
    plain = (kind or "").partition(";")[0].strip().lower()
    if plain == _JSON or body.lstrip()[:1] == b"{":
        return read_v03(body)
    if plain not in _LINES or body[:1] == b"[":
        raise Malformed(Reason.VERSION_UNKNOWN, f"content type {plain[:64]!r}, first byte {body[:1]!r}")
    if delivery.routing_key.startswith("v00."):
        return read_v00(body, delivery.headers, clock())
    return read_v02(body, delivery.headers)
