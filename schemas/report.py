"""An Outcome told to the source, as a message."""

from typing import Annotated

import msgspec
from msgspec import Meta, field

from winnowry.schemas.errors import Malformed
from winnowry.schemas.post import Post
from winnowry.schemas.reasons import Reason

Code = Annotated[int, Meta(ge=0, lt=2**31)]
Seconds = Annotated[float, Meta(gt=-1e12, lt=1e12)]
"""Below nothing where a clock was set back; neither infinite nor no number, which JSON cannot say."""


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """What became of a Post: a superset of the three definitions in use, and our own ``reason`` and ``ending``.

    ``code`` is sr3's number, ``result_code`` the same under v2's name; ``elapsed_time`` is in seconds; ``host`` and ``user``
    say who consumed. ``post`` is the Post it answers, in a Report that was read.
    """

    code: Code = 0
    time_completed: str = ""
    message: str = ""
    elapsed_time: Seconds = 0.0
    result_code: Code = 0
    host: str = ""
    user: str = ""
    reason: str = ""
    ending: str = ""
    post: Post | None = field(name="_post", default=None)


_decoder = msgspec.json.Decoder(Report, strict=False)
_encoder = msgspec.json.Encoder()


def read_report(text: msgspec.Raw, post: Post) -> Report:
    """Read the value of ``report`` in the body that answers ``post``, by any of its definitions.

    Raises Malformed where it holds no code.

    >>> read_report(msgspec.Raw(b'{"resultCode": "201", "rate": 3}'), Post(pub_time="", base_url="", rel_path="")).code
    201
    """
    try:
        report = _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(Reason.FIELD_INVALID, f"report: {error}") from None
    code = report.code or report.result_code
    if not code:
        raise Malformed(Reason.FIELD_INVALID, "report holds no code")
    return msgspec.structs.replace(report, code=code, result_code=code, post=post)


def write_fields(report: Report) -> msgspec.Raw:
    """Return the value of ``report`` in a body."""
    code = report.code
    return msgspec.Raw(_encoder.encode(msgspec.structs.replace(report, result_code=report.result_code or code, post=None)))
