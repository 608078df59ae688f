"""Tell the source what became of its Post."""

from msgspec.structs import replace

from winnowry.schemas.delivery import BODY_LIMIT, Message
from winnowry.schemas.outcome import Outcome
from winnowry.schemas.paths import PATH_LIMIT
from winnowry.schemas.post import Post
from winnowry.schemas.report import Report
from winnowry.schemas.times import write_time
from winnowry.schemas.topics import topic_of
from winnowry.schemas.urls import without_password
from winnowry.schemas.v03 import write_report

DETAIL_LIMIT = 1000
"""Characters of a detail that a Report carries."""


def report_of(
    outcome: Outcome, *, exchange: str, host: str, user: str, now: float, started: float | None = None
) -> Message | None:
    """Return the Report of an Outcome: the Post, without content it carries, and what became of it.

    None where it is not over yet, and where no Post came by itself: neither a message that is none nor a Report is answered.
    ``now`` and ``started`` (when the Arrival was first seen) are Unix time.
    """
    arrival = outcome.arrival
    if arrival is None or arrival.report is not None or not outcome.ending.over:
        return None
    report = Report(
        code=outcome.reason.number,
        time_completed=write_time(int(now * 1e9)),
        message=_shown(outcome.detail) or outcome.reason.code,
        elapsed_time=now - started if started is not None else 0.0,
        host=host,
        user=user,
        reason=outcome.reason.code,
        ending=outcome.ending.value,
    )
    return Message(
        body=_written(_without_password(arrival.post), report),
        exchange=exchange,
        routing_key=topic_of(arrival.post.rel_path),
        content_type="application/json",
    )


def _written(post: Post, report: Report) -> bytes:
    """Write a Report that others will read: of a Post that fills a body, without what we do not know of it."""
    body = write_report(post, report)
    return body if len(body) <= BODY_LIMIT else write_report(_bare(post), report)


def _bare(post: Post) -> Post:
    """Return a Post without what may be long: fields that we do not know, and the end of texts that no disk could hold."""
    texts = {name: text[:PATH_LIMIT] for name in post.__struct_fields__ if isinstance(text := getattr(post, name), str)}
    return replace(post, foreign={}, content=None, blocks=None, file_op=None, fingerprint=None, **texts)


def _shown(detail: str) -> str:
    return detail[:DETAIL_LIMIT].encode(errors="replace").decode()


def _without_password(post: Post) -> Post:
    shown = without_password(post.base_url)
    return post if shown == post.base_url else replace(post, base_url=shown)
