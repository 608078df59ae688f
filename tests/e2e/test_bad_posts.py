import hashlib
import json
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from audits import watch
from brokers import Vhost, eventually
from clusters import Cluster
from raw_servers import raw_server, saying

from winnowry.io.amqp import AmqpSettings
from winnowry.io.amqp.browse import browse
from winnowry.io.dead import read_letter
from winnowry.runners.demo.taps import Taps
from winnowry.runners.demo.tree import sow
from winnowry.runners.servers.nginx import FileServer
from winnowry.schemas.delivery import BODY_LIMIT
from winnowry.schemas.times import write_time

pytestmark = pytest.mark.e2e

GOOD = 500
SLOW_SECONDS = 30.0
QUEUE = "q_feeder.ingest.alice"
PUMPS = """
ingest: {{kind: sarra, from: {{sources: [alice]}}, to: xpublic, base_url: "{url}", layout: "{{source}}/{{rel_path}}",
         attempts: 2, delays: [1s]}}
"""
NOWHERE = "http://127.0.0.1:1/"


def v03(rel_path: str, base_url: str = NOWHERE, **fields: Any) -> bytes:
    return json.dumps({"pubTime": write_time(time.time_ns()), "baseUrl": base_url, "relPath": rel_path, **fields}).encode()


REFUSED = {
    "../evil 1": ("path_outside_root", {}),
    "a/../../../evil 2": ("path_outside_root", {}),
    "/evil 3": ("path_outside_root", {}),
    "a//evil 4": ("path_unusable", {}),
    "renamed up": ("rename_outside_root", {"rename": "../../evil 5"}),
    "renamed to a root": ("rename_outside_root", {"rename": "/evil 6"}),
    "moved": ("rename_outside_root", {"fileOp": {"rename": "../evil 7"}}),
    "evil link up": ("link_outside_root", {"fileOp": {"link": "../../../../etc/passwd"}}),
    "evil link to a root": ("link_outside_root", {"fileOp": {"link": "/etc/passwd"}}),
    "evil link through a folder": ("link_outside_root", {"fileOp": {"link": "folder/../../../etc/passwd"}}),
    "retrieved from above": ("path_outside_root", {"retrievePath": "../../evil 8"}),
    "read from our disk": ("scheme_not_allowed", {"baseUrl": "file:/etc/"}),
}
"""Reason and fields by relPath."""

MALFORMED = {
    b"evil": "body_unreadable",
    b"": "body_unreadable",
    b"[1, 2]": "body_unreadable",
    b'{"relPath": "\xff"}': "body_unreadable",
    b"{" * 100_000: "body_unreadable",
    b'{"relPath": "evil 9"}': "field_invalid",
    v03("evil 10", size="many"): "field_invalid",
    v03("evil 11", filler="x" * BODY_LIMIT)[: BODY_LIMIT + 1]: "body_too_large",
}
"""Reason by body."""

REPORT = v03("evil 12", report={"code": 201, "timeCompleted": "20260101T000000.5", "message": "Downloaded"})


class Drip:
    """Answers with one file, a byte now and then: for ``SLOW_SECONDS``, and on until it is ``released``."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.never = threading.Event()
        self.underway = threading.Event()
        self.size = 0

    def __call__(self, connection: socket.socket, path: str) -> None:
        until = time.monotonic() + SLOW_SECONDS
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.underway.set()
        while time.monotonic() < until or not self.released.is_set():
            connection.sendall(b"1\r\nx\r\n")
            self.size += 1
            self.never.wait(0.1)
        self.underway.clear()
        connection.sendall(b"0\r\n\r\n")


@pytest.fixture
def cluster(vhost: Vhost, tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(vhost, tmp_path, exchanges=("xs_alice", "xpublic"), accounts=("alice",)) as made:
        vhost.queue("reports", "xl_feeder")
        yield made


def started(cluster: Cluster, url: str) -> None:
    cluster.write(PUMPS.format(url=url), users="{alice: {role: source}}")
    cluster.start()
    cluster.listening(QUEUE)


def letters(vhost: Vhost) -> dict[bytes, str]:
    """Return the reason of each dead letter by its body."""
    found = [read_letter(held) for held in browse(AmqpSettings(urls=(vhost.url,)), "q_feeder.ingest.dead")]
    return {letter.message.body: letter.reason for letter in found}


def told(vhost: Vhost) -> dict[str, tuple[str, str]]:
    """Return ending and reason of each Report by its relPath."""
    reports = [json.loads(body) for body in vhost.take("reports", vhost.depth("reports"))]
    return {report["relPath"]: (report["report"]["ending"], report["report"]["reason"]) for report in reports}


def identity(content: bytes) -> dict[str, str]:
    return {"method": "sha512", "value": b64encode(hashlib.sha512(content).digest()).decode()}


def bad_posts(url: str, gone: str, content: bytes) -> dict[str, tuple[str, bytes]]:
    """Return reason and body by relPath; ``content`` is that of "file 0"."""
    return {
        "longer": ("size_mismatch", v03("longer", url, retrievePath="file 0", size=9_999)),
        "shorter": ("truncated", v03("shorter", url, retrievePath="file 0", size=10_001)),
        "other": ("checksum_mismatch", v03("other", url, retrievePath="file 1", size=10_000, identity=identity(content))),
        "missing": ("not_found", v03("missing", url, size=1)),
        "gone": ("gone", v03("gone", gone, size=1)),
    }


def test_what_cannot_be_had_ends_with_its_reason_and_delays_nobody(cluster: Cluster, vhost: Vhost, tmp_path: Path) -> None:
    sow(tmp_path / "tree", files=GOOD)
    content = (tmp_path / "tree" / "file 0").read_bytes()
    drip = Drip()
    with (
        FileServer(tmp_path / "tree") as server,
        raw_server(saying("HTTP/1.1 410 Gone\nContent-Length: 0")) as gone,
        raw_server(drip) as slow,
        Taps(vhost.url, ["xpublic"]) as taps,
    ):
        started(cluster, server.url)
        audit = watch(cluster)
        bad = bad_posts(server.url, gone.url, content)
        forged = {"source": "bob", "originPath": "bobs", "from_cluster": "dd.example.org", "identity": identity(content)}
        vhost.publish("xs_alice", "v03", v03("slow", slow.url))
        eventually(drip.underway.is_set, what="the slow transfer")
        vhost.publish("xs_alice", "v03", *(v03(path, **fields) for path, (_, fields) in REFUSED.items()))
        vhost.publish("xs_alice", "v03", *MALFORMED, REPORT, *(body for _, body in bad.values()))
        vhost.publish("xs_alice", "v03", v03("forged", server.url, retrievePath="file 0", size=10_000, **forged))
        vhost.publish(
            "xs_alice", "v03", *(v03(f"good/{n}", server.url, retrievePath=f"file {n}", size=10_000) for n in range(GOOD))
        )
        good = {cluster.data / "alice" / "good" / str(number) for number in range(GOOD)}
        eventually(lambda: set((cluster.data / "alice" / "good").glob("*")) == good, 60, "the delivery of everything good")
        assert drip.underway.is_set(), "the slow file was over before the others were there"
        drip.released.set()
        eventually((cluster.data / "alice" / "slow").exists, 90, "the end of the slow file")
        cluster.until("ingest", lambda status: status["outcomes"].get("announced:done") == GOOD + len(("slow", "forged")))
        status = cluster.settled("ingest", QUEUE)
        figures = audit.check()
        sightings = {sighting.path: sighting for sighting in taps.read("xpublic")}
    assert (cluster.data / "alice" / "slow").stat().st_size == drip.size
    expected = {path: ("refused", reason) for path, (reason, _) in REFUSED.items()}
    expected |= {path: ("failed", reason) for path, (reason, _) in bad.items()}
    done = {f"good/{number}" for number in range(GOOD)} | {"slow", "forged"}
    reported = told(vhost)
    assert {path: how for path, how in reported.items() if path not in done} == expected
    assert {path: how for path, how in reported.items() if path in done} == dict.fromkeys(done, ("announced", "done"))
    assert letters(vhost) == MALFORMED | {body: reason for reason, body in bad.values()}
    assert status["outcomes"]["refused:unexpected_report"] == 1
    ended = {ending: figures[ending] for ending in ("announced", "refused", "malformed", "failed", "dead letters")}
    assert ended == {
        "announced": len(done),
        "refused": len(REFUSED),
        "malformed": len(MALFORMED),
        "failed": len(bad),
        "dead letters": len(MALFORMED) + len(bad),
    }
    assert sightings.keys() == done
    assert {sighting.source for sighting in sightings.values()} == {"alice"}
    assert list(tmp_path.rglob("*evil*")) == []
    assert {str(path.relative_to(cluster.data / "alice")) for path in cluster.data.rglob("*") if path.is_file()} == done
    assert [path.name for path in cluster.data.iterdir()] == ["alice"]


def test_an_announcer_has_no_copies_put_into_queues_of_others(cluster: Cluster, vhost: Vhost) -> None:
    started(cluster, NOWHERE)
    vhost.queue("bystander")
    bodies = {b"{": "body_unreadable", v03("nowhere"): "unreachable"}
    for body in bodies:
        vhost.publish("xs_alice", "v03.post", body, CC=["bystander", QUEUE], BCC=["bystander"])
    eventually(lambda: letters(vhost) == bodies, what="the dead letters of both", seconds=30)
    assert vhost.depth("bystander") == 0
