"""Watch what a winnow uses while announcements come at a steady rate: memory, and on Flink the size of its checkpoints.

Half of the announcements are repeats, so that what is remembered grows by half the rate.
"""

import argparse
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import evidence
import pika
from announced import announcements
from brokers import Vhost, eventually
from contenders import IN, OUT, Track, Winnowry
from processes import MEGABYTE, family, use_of

from winnowry.runners.servers.owned import Owned
from winnowry.runners.servers.rabbitmq import broker
from winnowry.schemas.post import Post
from winnowry.schemas.topics import topic_of
from winnowry.schemas.v03 import write_v03

EAR = "ear"


class Stream(threading.Thread):
    """Publishes at a steady rate until it is told to stop, and takes away what comes onward."""

    def __init__(self, vhost: Vhost, posts: Iterator[Post], rate: int) -> None:
        super().__init__(daemon=True)
        self._vhost, self._posts, self._rate = vhost, posts, rate
        self.published = 0
        self.over = threading.Event()

    def run(self) -> None:
        properties = pika.BasicProperties(content_type="application/json", delivery_mode=2)
        began = time.monotonic()
        with self._vhost.connect() as connection:
            channel = connection.channel()
            while not self.over.is_set():
                while self.published < (time.monotonic() - began) * self._rate:
                    post = next(self._posts)
                    channel.basic_publish(IN, topic_of(post.rel_path), write_v03(post), properties)
                    self.published += 1
                channel.queue_purge(EAR)
                connection.sleep(0.1)


def checkpoint(folder: Path) -> tuple[int, float]:
    """Return the number of the newest complete checkpoint below a folder, and its megabytes; zeros where there is none."""
    with suppress(FileNotFoundError):  # Flink removes old ones while we look
        made = {int(file.parent.name.removeprefix("chk-")): file.parent for file in folder.rglob("chk-*/_metadata")}
        if made:
            newest = max(made)
            return newest, sum(file.stat().st_size for file in made[newest].iterdir()) / MEGABYTE
    return 0, 0.0


def measure(program: Owned, folder: Path, stream: Stream) -> dict[str, float]:
    """Return how it stands."""
    members = family(program.pid)
    java = [pid for pid in members if Path(f"/proc/{pid}/comm").read_text().strip() == "java"]
    number, size = checkpoint(folder)
    return {
        "announced": stream.published,
        "seconds": round(use_of(members).seconds, 1),
        "megabytes": round(use_of([pid for pid in members if pid not in java]).anonymous),
        "java_megabytes": round(use_of(java).anonymous),
        "checkpoint": number,
        "checkpoint_megabytes": round(size, 2),
    }


def watch(engine: str, minutes: int, rate: int) -> list[dict[str, float]]:
    """Return how it stands each minute, from the first announcement onward."""
    with broker() as rabbit, TemporaryDirectory() as name, ExitStack() as stack:
        vhost, folder = Vhost(rabbit), Path(name)
        rabbit.add_vhost(vhost.name)
        for exchange in (IN, OUT):
            vhost.add_exchange(exchange)
        vhost.queue(EAR, OUT)
        contender = Winnowry(engine, engine)
        track = Track(vhost=vhost, folder=folder, stack=stack)
        contender.prepare(track, "winnow")
        stream = Stream(vhost, announcements(("alice", "bob")), rate)
        [program] = contender.start(track, "winnow")
        vhost.publish(IN, "v03.warm", write_v03(next(announcements(("warm",)))))
        eventually(lambda: vhost.depth(EAR) > 0, 180, "the first announcement onward")
        stream.start()
        rows = []
        for minute in range(minutes + 1):
            rows.append({"minute": minute, **measure(program, folder, stream)})
            print(rows[-1], file=sys.stderr, flush=True)
            if minute < minutes:
                stream.over.wait(60.0)
        stream.over.set()
        stream.join()
        program.kill()
    return rows


def page(content: dict[str, Any]) -> list[str]:
    """Return the tables."""
    lines = evidence.heading("What a winnow uses at a steady rate", content)
    lines += [f"- {content['rate']} announcements a second, half of them repeats", ""]
    columns = ("minute", "announced", "processor s", "Python MB (anonymous)", "Java MB (anonymous)", "checkpoint", "its MB")
    for engine, rows in content["engines"].items():
        lines += [f"## {engine}", "", *evidence.table(columns, [tuple(row.values()) for row in rows]), ""]
    return lines


def main() -> None:
    """Watch each engine in turn; what is seen of each is written beside ``--evidence``, with its name."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--engines", nargs="+", choices=("direct", "flink"), default=["flink"])
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--evidence", type=Path)
    asked = parser.parse_args()
    for engine in asked.engines:
        content: dict[str, Any] = {**evidence.circumstances(), "rate": asked.rate}
        content["engines"] = {engine: watch(engine, asked.minutes, asked.rate)}
        print("\n".join(page(content)))
        if asked.evidence is not None:
            file = asked.evidence.with_stem(f"{asked.evidence.stem}-{engine}")
            evidence.write(file, content, "\n".join(page(content)) + "\n")


if __name__ == "__main__":
    main()
