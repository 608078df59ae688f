"""A pytest plugin: `--rounds N --evidence FILE` runs what is collected N times in a row, and records each case as it ends.

A run that was interrupted goes on where it stopped, as long as the code is the same. With `--at-a-time M` a process runs M
rounds and ends with ``UNFINISHED`` when more are to come: what earlier rounds have left in it slows the later ones.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import evidence
import pytest

TITLE = "The fault suite, round after round"
UNFINISHED = os.EX_TEMPFAIL
"""The exit code of a process that has run its rounds, while others are still to be run."""

WORST_FIRST = ("failed", "skipped", "passed")

Case = dict[str, Any]
Round = dict[str, Case]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("evidence")
    group.addoption("--rounds", type=int, default=1, help="how many times in a row everything is run, with --evidence")
    group.addoption("--title", default=TITLE, help="what the page of the evidence is called")
    group.addoption("--at-a-time", type=int, default=0, help="how many of them this process runs; 0 for all")
    group.addoption("--evidence", type=Path, help="the file where each case is recorded, and where an interrupted run goes on")


def pytest_configure(config: pytest.Config) -> None:
    if config.option.evidence is not None:
        record = Record(config.option.evidence, config.option.rounds, config.rootpath, config.option.title)
        consecutive = Consecutive(record, config.option.at_a_time)
        config.pluginmanager.register(consecutive, "rounds in a row")


class Record:
    """The rounds in ``file``, begun anew unless they were interrupted and the code is still the same."""

    def __init__(self, file: Path, wanted: int, repository: Path, title: str = TITLE) -> None:
        self.file = file
        self.wanted = wanted
        present = evidence.circumstances(repository)
        found = evidence.read(file)
        goes_on = bool(found) and not _complete(found, wanted) and evidence.same_code(found, present, repository)
        self.content: dict[str, Any] = {**(found if goes_on else {**present, "rounds": []}), "wanted": wanted, "title": title}

    @property
    def rounds(self) -> list[Round]:
        return self.content["rounds"]  # type: ignore[no-any-return]

    def expect(self, cases: Sequence[str]) -> list[tuple[int, str]]:
        """Return what is still to be run, as numbers of rounds and cases, in order."""
        self.content["cases"] = list(cases)
        self.rounds.extend({} for _ in range(self.wanted - len(self.rounds)))
        return [(number, case) for number in range(self.wanted) for case in cases if case not in self.rounds[number]]

    def note(self, number: int, case: str, ended: Case) -> None:
        """Record how a case ended; a round counts from 0."""
        self.rounds[number][case] = ended
        self.content["last"] = evidence.now()
        evidence.write(self.file, self.content, page(self.content))

    @property
    def failed(self) -> list[str]:
        """What has failed, in any round."""
        return [f"round {number}: {case}" for number, case in _failures(self.content)]


class Consecutive:
    """Runs the rounds, at most so many ``at_a_time``, and records them."""

    def __init__(self, record: Record, at_a_time: int) -> None:
        self.record = record
        self._at_a_time = at_a_time
        self._unfinished = False
        self._phases: list[pytest.TestReport] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        if session.testsfailed or session.config.option.collectonly:
            return None
        items = {item.nodeid: item for item in session.items}
        todo = self._now(self.record.expect(list(items)))
        for (number, case), following in pairwise([*todo, None]):
            self._phases.clear()
            item, after = items[case], items[following[1]] if following is not None else None
            # What comes next stays set up: were it the item itself, that would not be set up anew.
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=item.parent if after is item else after)
            self.record.note(number, case, _ended(self._phases))
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
        return True

    def _now(self, todo: list[tuple[int, str]]) -> list[tuple[int, str]]:
        """Return what this process is to run of all that is to be run."""
        first = todo[0][0] if todo else 0
        now = [each for each in todo if not self._at_a_time or each[0] < first + self._at_a_time]
        self._unfinished = len(now) < len(todo)
        return now

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._phases.append(report)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if session.exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            return
        if self._unfinished:
            session.exitstatus = UNFINISHED
        elif self.record.failed:  # perhaps in a round before this run was interrupted
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("evidence")
        for line in [*conclusions(self.record.content), *self.record.failed, f"recorded in {self.record.file}"]:
            terminalreporter.line(line)


def conclusions(content: Mapping[str, Any]) -> list[str]:
    """Return in sentences what the rounds show."""
    full = [number for number, cases in enumerate(content["rounds"], 1) if _is_full(cases, content)]
    failures = {number for number, _ in _failures(content)}
    in_a_row = next((number - 1 for number in sorted(failures)), len(full))
    skipped = {case for cases in content["rounds"] for case, ended in cases.items() if ended["outcome"] == "skipped"}
    verdict = "failed" if failures else "passed" if len(full) == content["wanted"] else "not finished"
    count = len(content.get("cases", ()))
    lines = [f"{verdict}: {min(in_a_row, len(full))} of {content['wanted']} rounds in a row, {count} cases each"]
    if skipped:
        lines.append(f"{len(skipped)} cases were skipped")
    if content["dirty"]:
        lines.append("files differ from the commit: this shows nothing about it")
    return lines


def page(content: Mapping[str, Any]) -> str:
    """Return the readable page: the seconds of each case in each round, and what cases told of themselves."""
    lines = evidence.heading(content.get("title", TITLE), content)
    lines += [f"- Last case ended {content.get('last', content['begun'])}", *(f"- **{line}**" for line in conclusions(content))]
    files: dict[str, list[str]] = {}
    for case in content["cases"]:
        files.setdefault(case.partition("::")[0].rpartition("/")[2], []).append(case)
    columns = ["case", *(str(number) for number in range(1, len(content["rounds"]) + 1))]
    for file, cases in files.items():
        rows = ([_name(case), *(_cell(cases.get(case)) for cases in content["rounds"])] for case in cases)
        lines += ["", f"## {file}", "", *evidence.table(columns, rows)]
    for case in content["cases"]:
        lines += _told_by(case, content["rounds"])
    return "\n".join(lines) + "\n"


def _told_by(case: str, rounds: Sequence[Round]) -> list[str]:
    """Return a table of what a case told by `record_property` in each round; nothing where it never did."""
    told = {number: cases[case]["told"] for number, cases in enumerate(rounds, 1) if "told" in cases.get(case, {})}
    names = list(dict.fromkeys(name for values in told.values() for name in values))
    rows = ([number, *(values.get(name, "") for name in names)] for number, values in told.items())
    return ["", f"## {_name(case)}", "", *evidence.table(["round", *names], rows)] if told else []


def _ended(phases: Sequence[pytest.TestReport]) -> Case:
    outcomes = {phase.outcome for phase in phases}
    worst = next((outcome for outcome in WORST_FIRST if outcome in outcomes), "failed")
    ended: Case = {"outcome": worst, "seconds": round(sum(phase.duration for phase in phases), 2)}
    if told := dict(phases[-1].user_properties):
        ended["told"] = told
    return ended if worst == "passed" else {**ended, "why": "; ".join(_words(phases))}


def _words(phases: Sequence[pytest.TestReport]) -> Iterator[str]:
    for phase in phases:
        if phase.outcome != "passed":
            yield phase.longrepr[2] if isinstance(phase.longrepr, tuple) else phase.longreprtext[-400:]


def _failures(content: Mapping[str, Any]) -> list[tuple[int, str]]:
    return [
        (number, case)
        for number, cases in enumerate(content["rounds"], 1)
        for case, ended in cases.items()
        if ended["outcome"] == "failed"
    ]


def _is_full(cases: Round, content: Mapping[str, Any]) -> bool:
    return bool(cases) and cases.keys() >= set(content.get("cases", ()))


def _complete(content: Mapping[str, Any], wanted: int) -> bool:
    return sum(_is_full(cases, content) for cases in content["rounds"]) >= wanted


def _name(case: str) -> str:
    return f"`{case.partition('::')[2]}`"


def _cell(ended: Case | None) -> str:
    if ended is None:
        return ""
    return f"{ended['seconds']}" if ended["outcome"] == "passed" else f"**{ended['outcome']}** {ended['seconds']}"
