"""Run a whole cluster for many minutes while its processes and its broker are killed, and count what was lost.

`make soak MINUTES=30 [SEED=…]`. Everything is below a folder of its own, which is removed when all is well. Ctrl-C ends it all.
"""

import argparse
import json
import logging
import shutil
import signal
import sys
import tempfile
import time
from collections import deque
from contextlib import ExitStack
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

import evidence
from audits import Audit, watch
from chaos import Blow, blows
from crop import SOURCES, Crop
from ledger import Ledger
from network import CONSUMERS, Network
from page import record
from posters import Posters
from troubled_server import troubled_server
from verdict import figures, told

from winnowry.runners.audit.decide import Verdict
from winnowry.runners.audit.evidence import Finding
from winnowry.schemas.errors import Terminal, Transient

WAVE_SECONDS = 15.0
GONE_SECONDS = 4.0
"""Seconds between the announcement of what is gone soon and its removal: many are fetched by then, and some are not."""
SETTLE_SECONDS = 600.0
VERDICT_SECONDS = 120.0
GATHER_SECONDS = 3.0
TELL_SECONDS = 30.0
QUIET_LOOKS = 8
LOOK_SECONDS = 2.0
"""The broker renews its figures every five seconds: eight looks see them three times."""

log = logging.getLogger("soak")


class Soak:
    """One run. ``minutes`` is how long files are announced and processes killed; it takes a few more to settle."""

    def __init__(self, folder: Path, minutes: float, seed: int, stack: ExitStack) -> None:
        self.seconds = minutes * 60
        self.begun = time.monotonic()
        self._crop = Crop(folder / "sources", seed, max(3, round(self.seconds / WAVE_SECONDS)))
        kills, restarts = max(3, round(minutes * 2.4)), max(1, round(minutes / 2.7))  # some find nobody to hit
        self._blows = deque(blows(seed, self.seconds, kills, restarts))
        self._waves = deque(range(self._crop.waves))
        self._removals: deque[tuple[float, int]] = deque()
        self.network = Network(folder, stack)
        self._servers = [
            stack.enter_context(troubled_server(self._crop.folder / source, first=source == SOURCES[0])) for source in SOURCES
        ]
        urls = {source: server.url for source, server in zip(SOURCES, self._servers, strict=True)}
        self._posters = Posters(self.network.cluster, self._crop.folder, urls)
        below = tuple(f"{source}/{folder}" for source in SOURCES for folder in self._crop.folders)
        self._pump = stack.enter_context(Ledger(self.network.cluster.data, below))
        self._consumers = {
            consumer: stack.enter_context(
                Ledger(self.network.into(consumer), self._crop.folders, takes=consumer == CONSUMERS[0])
            )
            for consumer in CONSUMERS
        }

    def run(self) -> dict[str, Any]:
        """Do it all; return what there is to tell."""
        self.network.start()
        audit = watch(self.network.cluster, takers=[self._consumers[CONSUMERS[0]]])
        self.begun = time.monotonic()
        log.info("%d waves, %d blows", len(self._waves), len(self._blows))
        said = gathered = 0.0
        while self._waves or self._blows or self._removals or self._posters.busy:
            self._tick(self.passed)
            if self.passed - gathered > GATHER_SECONDS and not self.network.restarting:
                gathered = self.passed
                self._gather(audit)
            if self.passed - said > TELL_SECONDS:
                said = self.passed
                log.info(self._standing())
            time.sleep(0.05)
        self.network.mended()
        self._settle("announced")
        wrong = self._wrong(audit.verdict(VERDICT_SECONDS))
        self._put_back()
        self._settle("put back")
        verdict = audit.verdict(0.0)
        return self._result(self.network.end(), verdict.figures, wrong + self._wrong(verdict))

    def _wrong(self, verdict: Verdict) -> list[Finding]:
        """Return the findings but for Posts that ended badly and then well, which are told of.

        Their last word was lost with the process or the broker that had it, and their source has the content again by the time
        when they are delivered again; or they were resubmitted.
        """
        changed = sum(finding.count for finding in verdict.findings if finding.kind == "contradiction")
        log.info("%d Posts ended badly before they, or the same content at their place, ended well", changed)
        return [finding for finding in verdict.findings if finding.kind != "contradiction"]

    def _gather(self, audit: Audit) -> None:
        """Read what the taps of the audit hold, so that they do not grow; a broker that is away keeps it."""
        try:
            audit.gather()
        except (Transient, Terminal) as error:
            log.info("the taps cannot be read just now: %s", error)

    @property
    def passed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.begun

    def _tick(self, passed: float) -> None:
        self.network.keep()
        self._posters.keep()
        if self._waves and passed >= self._waves[0] * WAVE_SECONDS:
            wave = self._waves.popleft()
            self._posters.announce(self._crop.sow(wave))
            self._removals.append((passed + GONE_SECONDS, wave))
        if self._removals and passed >= self._removals[0][0]:
            self._crop.remove(self._removals.popleft()[1])
        if self._blows and passed >= self._blows[0].at:
            self._strike(self._blows.popleft())

    def _strike(self, blow: Blow) -> None:
        log.info("%.0f s: %s", blow.at, blow.what)
        self.network.strike(blow)

    def _put_back(self) -> None:
        """Have the servers show what was missing, and resubmit what was given up, as an operator would."""
        for server in self._servers:
            server.hidden.discard("missing")
        command, cluster = self.network.cluster.command, self.network.cluster
        for place in (cluster.file, *(self.network.into(consumer) for consumer in CONSUMERS)):
            listed = json.loads(command.run("dead-letters", "list", str(place), "--json"))
            reasons = sorted({letter["reason"] for letter in listed})
            log.info("%s: %d dead letters: %s", place.name, len(listed), ", ".join(reasons))
            if listed:
                command.run("dead-letters", "resubmit", str(place), "--all", "--yes")

    def _settle(self, what: str) -> None:
        """Wait until nothing is left to do."""
        quiet, deadline = 0, time.monotonic() + SETTLE_SECONDS
        while quiet < QUIET_LOOKS:
            waiting = self.network.waiting()
            quiet = 0 if waiting else quiet + 1
            if time.monotonic() > deadline:
                raise SystemExit(f"what was {what} has not settled in {SETTLE_SECONDS:.0f} s: {waiting}")
            self._pause(LOOK_SECONDS)
        log.info("all that was %s has settled: %s", what, self._standing())

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.network.keep()
            time.sleep(0.05)

    def _standing(self) -> str:
        seen = ", ".join(f"{name} {len(ledger.names):,}" for name, ledger in (("pump", self._pump), *self._consumers.items()))
        return f"{self.passed:.0f} s: {self._crop.announcements:,} announced by each source; seen: {seen}"

    def _result(self, badly: list[str], audited: dict[str, dict[str, int]], wrong: list[Finding]) -> dict[str, Any]:
        found = figures(self._crop, self._pump, self._consumers)
        found |= {"ended badly": badly, "audit": [str(finding) for finding in wrong]}
        return {
            "seconds": round(self.passed),
            "files": len(self._crop.versions),
            "posts": self._crop.announcements * len(SOURCES),
            "kills": self.network.counts["kills"],
            "restarts": self.network.counts["restarts of the broker"],
            "counts": dict(self.network.counts) | dict(self._posters.counts),
            "audit": audited,
            "found": found,
        }


def soak(folder: Path, minutes: float, seed: int) -> dict[str, Any]:
    """Run the soak below ``folder``."""
    with ExitStack() as stack:
        return Soak(folder, minutes, seed, stack).run()


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """End as Ctrl-C does."""
    raise KeyboardInterrupt


def main() -> int:
    """Run it, tell what was found, and return 0 when nothing was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=Random().randrange(10**6))
    parser.add_argument("--evidence", type=Path, help="file to record it in, as in docs/evidence/soak.json")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout, force=True)
    for library in ("pika", "winnowry"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    for number in (signal.SIGTERM, signal.SIGINT):  # also where a shell that runs this in the background has it ignored
        signal.signal(number, interrupt)
    folder = Path(tempfile.mkdtemp(prefix="winnowry-soak-"))
    log.info("SEED=%d MINUTES=%g in %s", asked.seed, asked.minutes, folder)
    present = evidence.circumstances()
    result = soak(folder, asked.minutes, asked.seed)
    if asked.evidence is not None:
        record(asked.evidence, present, result, seed=asked.seed, minutes=asked.minutes)
    print(json.dumps({name: value for name, value in result.items() if name != "found"}, indent=1))
    print("\n".join(told(result["found"])))
    if any(result["found"].values()):
        print(f"SEED={asked.seed}; what there is to look at is in {folder}")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
