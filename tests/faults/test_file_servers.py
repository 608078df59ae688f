"""What file servers do wrong: each fault ends exactly, shows nothing false, delays nobody, and heals when it is over."""

import gzip
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from courses import Course, a_served_file, digests
from raw_servers import Answer, RawServer, raw_server, saying
from scripted import Script, chunked, closing, cut, dripping, hanging, scripted, serving, status

CONTENT = bytes(range(256)) * 400
FLIPPED = CONTENT[:70_000] + bytes([CONTENT[70_000] ^ 1]) + CONTENT[70_001:]
GOOD = {f"good{number}": b"good %d" % number for number in range(5)}
SIZE = len(CONTENT)
ONCE = "HTTP/1.1 200 OK\nContent-Length: {}"

TRANSIENT: dict[str, tuple[Answer, str]] = {
    "not there yet": (status(404), "not_found"),
    "broken": (status(500), "server_error"),
    "busy": (status(503, "Retry-After: 1"), "server_error"),
    "hangs up at once": (saying(""), "server_error"),
    "cut before the first byte": (cut(CONTENT, 0), "truncated"),
    "cut after the first byte": (cut(CONTENT, 1), "truncated"),
    "cut in the middle": (cut(CONTENT, SIZE // 2), "truncated"),
    "cut before the last byte": (cut(CONTENT, SIZE - 1), "truncated"),
    "short": (serving(CONTENT[:-1]), "truncated"),
    "empty": (serving(b""), "truncated"),
    "long": (serving(CONTENT + b"x"), "size_mismatch"),
    "very long": (serving(CONTENT * 20), "size_mismatch"),
    "a bit flipped": (serving(FLIPPED), "checksum_mismatch"),
    "length too small": (closing(ONCE.format(SIZE - 1), CONTENT), "truncated"),
    "length too large": (closing(ONCE.format(SIZE + 1), CONTENT), "size_mismatch"),
    "length that is no number": (closing(ONCE.format("many"), CONTENT), "server_error"),
    "length below zero": (closing(ONCE.format(-5), CONTENT), "server_error"),
    "a part nobody asked for": (status(206, "Content-Range: bytes 0-2/3"), "server_error"),
    "another part": (closing("HTTP/1.1 206 Partial\nContent-Range: bytes 5-9/10\nContent-Length: 5", b"56789"), "server_error"),
    "a range that cannot be": (status(416, "Content-Range: bytes */10"), "server_error"),
    "chunks that break off": (chunked(CONTENT[:5], CONTENT[5:], ended=False), "truncated"),
    "chunks too few": (chunked(CONTENT[:5]), "truncated"),
    "chunk without a size": (closing("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"zz\r\n" + CONTENT), "unreachable"),
    "compressed unasked": (
        closing(f"{ONCE}\nContent-Encoding: gzip".format(len(gzip.compress(CONTENT))), gzip.compress(CONTENT)),
        "truncated",
    ),
    "headers without end": (closing("HTTP/1.1 200 OK\n" + "X: y\n" * 100_000), "server_error"),
    "one enormous header": (closing(f"HTTP/1.1 200 OK\nX: {'y' * 1_000_000}"), "server_error"),
    "no HTTP": (saying("220 welcome"), "server_error"),
}
"""What a server does once before it is well, and the reason for which the file is tried again."""

TERMINAL: dict[str, tuple[Answer, str]] = {
    "gone": (status(410), "gone"),
    "forbidden": (status(403), "access_denied"),
    "redirect to itself": (status(302, "Location: /bad"), "redirected_too_often"),
    "redirect to our disk": (status(302, "Location: file:///etc/passwd"), "scheme_not_allowed"),
    "redirect to ftp": (status(301, "Location: ftp://127.0.0.1/x"), "scheme_not_allowed"),
    "redirect to gopher": (status(307, "Location: gopher://127.0.0.1:1/x"), "scheme_not_allowed"),
}
"""What a server does that ends a file at once."""


SOUND: dict[str, Answer] = {
    "in chunks": chunked(CONTENT[:1], CONTENT[1:70_000], CONTENT[70_000:]),
    "by HTTP/1.0, ended by its end": saying("HTTP/1.0 200 OK", CONTENT),
    "with many headers": closing(ONCE.format(SIZE) + "\nX: y" * 1000, CONTENT),
    "with a wrong type": closing(f"{ONCE}\nContent-Type: text/html; charset=nonsense".format(SIZE), CONTENT),
    "after a word in between": closing(f"HTTP/1.1 103 Early Hints\n\n{ONCE}".format(SIZE), CONTENT),
}
"""What a server may do."""


def announce_all(course: Course, url: str) -> None:
    course.announce(a_served_file(url, "bad", CONTENT))
    course.announce(*(a_served_file(url, path, content) for path, content in GOOD.items()))


@pytest.fixture
def course(tmp_path: Path) -> Iterator[Course]:
    with Course(tmp_path) as begun:
        yield begun


@pytest.fixture
def site() -> Iterator[tuple[Script, RawServer]]:
    """A server on which all is well but what a test writes down."""
    with scripted() as (script, server):
        for path, content in GOOD.items():
            script.plays(path, serving(content))
        yield script, server


@pytest.mark.parametrize("fault", TRANSIENT)
def test_a_server_that_gets_well_again_has_its_file_fetched_and_delayed_nobody(
    fault: str, course: Course, site: tuple[Script, RawServer]
) -> None:
    answer, reason = TRANSIENT[fault]
    script, server = site
    script.plays("bad", answer, answer, serving(CONTENT))
    announce_all(course, server.url)
    assert course.run() == {f"retried:{reason}": 2, "announced:done": 6}
    assert course.shown() == digests(bad=CONTENT, **GOOD)
    assert (course.witness.names[-1], course.announced[-1], script.asked["bad"]) == ("bad", "bad", 3)
    assert (course.dead, course.reports) == (0, 6)


@pytest.mark.parametrize("fault", TERMINAL)
def test_a_server_that_says_no_for_good_is_believed_until_the_file_is_announced_anew(
    fault: str, course: Course, site: tuple[Script, RawServer]
) -> None:
    answer, reason = TERMINAL[fault]
    script, server = site
    script.plays("bad", answer)
    announce_all(course, server.url)
    anew = [a_served_file(server.url, "bad", CONTENT, at=1)]

    def watch() -> None:
        if anew and course.dead and len(course.announced) == len(GOOD):
            assert course.shown().keys() == GOOD.keys()
            script.plays("bad", serving(CONTENT))
            course.announce(anew.pop())

    assert course.run(watch) == {f"failed:{reason}": 1, "announced:done": 6}
    assert (course.shown(), course.dead, course.reports) == (digests(bad=CONTENT, **GOOD), 1, 7)


@pytest.mark.parametrize("way", SOUND)
def test_a_server_may_send_a_file(way: str, course: Course, site: tuple[Script, RawServer]) -> None:
    script, server = site
    script.plays("bad", SOUND[way])
    announce_all(course, server.url)
    assert course.run() == {"announced:done": 6}
    assert course.shown() == digests(bad=CONTENT, **GOOD)


def test_what_is_announced_compressed_stays_compressed(course: Course, site: tuple[Script, RawServer]) -> None:
    packed = gzip.compress(CONTENT)
    script, server = site
    script.plays("bad.gz", closing(f"{ONCE}\nContent-Encoding: gzip".format(len(packed)), packed))
    course.announce(a_served_file(server.url, "bad.gz", packed))
    assert course.run() == {"announced:done": 1}
    assert course.shown() == digests(**{"bad.gz": packed})


def test_a_file_that_never_gets_well_is_given_up_after_its_attempts(course: Course, site: tuple[Script, RawServer]) -> None:
    script, server = site
    script.plays("bad", status(500))
    announce_all(course, server.url)
    assert course.run() == {"retried:server_error": 4, "failed:server_error": 1, "announced:done": 5}
    assert (course.shown(), course.dead, script.asked["bad"]) == (digests(**GOOD), 1, 5)


@pytest.mark.parametrize("sent", [0, 1, SIZE // 2, SIZE - 1])
def test_a_server_that_falls_silent_is_hung_up_on_and_asked_again(
    sent: int, course: Course, site: tuple[Script, RawServer]
) -> None:
    silence, enough = hanging(f"{ONCE}\n\n".format(SIZE), CONTENT[:sent])
    script, server = site
    script.plays("bad", silence, serving(CONTENT))
    announce_all(course, server.url)
    assert course.run() == {"retried:timed_out": 1, "announced:done": 6}
    enough.set()
    assert course.shown() == digests(bad=CONTENT, **GOOD)
    assert course.witness.names[-1] == "bad"


def test_a_byte_a_second_is_waited_for_and_delays_nobody(course: Course, site: tuple[Script, RawServer]) -> None:
    script, server = site
    script.plays("bad", dripping(b"slow!", 0.9))
    course.announce(a_served_file(server.url, "bad", b"slow!"))
    course.announce(*(a_served_file(server.url, path, content) for path, content in GOOD.items()))
    assert course.run() == {"announced:done": 6}
    assert course.shown() == digests(bad=b"slow!", **GOOD)
    assert (course.witness.names[-1], course.announced[-1]) == ("bad", "bad")


def test_a_server_that_dies_amid_its_files_is_found_again_when_it_is_back(course: Course) -> None:
    dying, living = Script(), Script()
    for path, content in GOOD.items():
        dying.plays(path, cut(content, 3))
        living.plays(path, serving(content))
    with ExitStack() as stack:
        server = RawServer(dying)
        course.announce(*(a_served_file(server.url, path, content) for path, content in GOOD.items()))
        steps = [server.close, lambda: stack.enter_context(raw_server(living, server.port))]

        def watch() -> None:
            if steps and sum(dying.asked.values()) >= len(GOOD):
                steps.pop(0)()

        assert course.run(watch) == {"retried:truncated": 5, "retried:unreachable": 5, "announced:done": 5}
    assert (course.shown(), course.dead) == (digests(**GOOD), 0)


def test_a_file_that_changed_since_it_was_announced_waits_for_its_new_announcement(
    course: Course, site: tuple[Script, RawServer]
) -> None:
    script, server = site
    script.plays("bad", serving(FLIPPED))
    announce_all(course, server.url)
    news = [a_served_file(server.url, "bad", FLIPPED, at=1)]

    def watch() -> None:
        if script.asked["bad"] and news:
            course.announce(news.pop())

    assert course.run(watch) == {"retried:checksum_mismatch": 1, "announced:done": 6, "refused:superseded": 1}
    assert course.shown() == digests(bad=FLIPPED, **GOOD)
    assert (course.announced.count("bad"), course.dead) == (1, 0)
