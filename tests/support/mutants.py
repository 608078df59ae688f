"""Remove each safeguard from a copy of the repository, and see its tests fail: `python tests/support/mutants.py`.

Each test has to pass while the safeguard is there, and to fail while it is not. A run that was interrupted goes on where it
stopped, as long as the code is the same. The repository itself is only read.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import evidence
from safeguards import SAFEGUARDS, Safeguard

FILE = evidence.FOLDER / "mutants.json"
TITLE = "Each safeguard removed: what fails without it"
ROOMS = ".typing"
"""The folder from which the rooms can be imported as `winnowry.*`, ahead of what is installed."""
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?)(?:\[| |$)", re.MULTILINE)

Result = dict[str, Any]


class Copy:
    """A copy of all files of the repository, in which tests run on the copied code."""

    def __init__(self, folder: Path, repository: Path = evidence.REPOSITORY) -> None:
        self.folder = folder
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=repository, check=True, capture_output=True, text=True).stdout
        for name in filter(None, names.split("\0")):
            if (repository / name).is_symlink() or (repository / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(repository / name, folder / name, follow_symlinks=False)
        (folder / "build").mkdir()
        (folder / "build" / "flink").symlink_to(repository / "build" / "flink")
        self._environment = {**os.environ, "PYTHONPATH": str(folder / ROOMS), "PYTHONDONTWRITEBYTECODE": "1"}
        self._check()

    def _check(self) -> None:
        found = self._run("-c", "import winnowry.io.tree as tree; print(tree.__file__)").stdout.strip()
        if not Path(found).resolve().is_relative_to(self.folder.resolve()):
            raise SystemExit(f"the copied code is not what is imported: {found}")

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *arguments]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def failing(self, tests: Sequence[str]) -> tuple[set[str], str]:
        """Run tests; return which of them failed, without their parameters, and what was said."""
        options = ("-q", "-rfE", "-p", "no:cacheprovider", "--timeout=120", "--tb=line", "--show-capture=no")
        done = self._run("-m", "pytest", *options, *tests)
        failed = set(_FAILED.findall(done.stdout))
        if done.returncode not in (0, 1) or bool(failed) != bool(done.returncode):
            failed.add("pytest itself")
        return failed, done.stdout + done.stderr

    @contextmanager
    def without(self, safeguard: Safeguard) -> Iterator[None]:
        """Remove a safeguard for a while. Raises ValueError where its text does not stand once in its file."""
        file = self.folder / safeguard.file
        whole = file.read_text()
        file.write_text(removed(safeguard, whole))
        try:
            yield
        finally:
            file.write_text(whole)


def removed(safeguard: Safeguard, whole: str) -> str:
    """Return the text of a file without a safeguard. Raises ValueError where the safeguard does not stand in it once."""
    count = whole.count(safeguard.text)
    if count != 1:
        raise ValueError(f"{safeguard.name!r} no longer applies: its text stands {count} times in {safeguard.file}")
    return whole.replace(safeguard.text, safeguard.without)


def try_without(copy: Copy, safeguard: Safeguard) -> Result:
    """Return how the tests of a safeguard end without it."""
    begun = time.monotonic()
    try:
        with copy.without(safeguard):
            failed, _ = copy.failing(safeguard.tests)
    except ValueError as error:
        return {"verdict": "does not apply", "why": str(error), "seconds": 0.0}
    survived = [test for test in safeguard.tests if test not in failed]
    verdict = "not noticed" if survived else "noticed"
    return {"verdict": verdict, "passed": survived, "seconds": round(time.monotonic() - begun, 1)}


def run(wanted: Iterable[Safeguard], file: Path = FILE) -> bool:
    """Try all safeguards that are not recorded yet; return whether each was noticed."""
    present = evidence.circumstances()
    found = evidence.read(file)
    goes_on = bool(found) and len(found["safeguards"]) < len(SAFEGUARDS) and evidence.same_code(found, present)
    content = found if goes_on else {**present, "safeguards": {}}
    results: dict[str, Result] = content["safeguards"]
    with TemporaryDirectory(prefix="winnowry-mutants-") as folder:
        copy = Copy(Path(folder))
        missing = [safeguard for safeguard in wanted if safeguard.name not in results]
        if not _passes(copy, missing):
            return False
        for safeguard in missing:
            results[safeguard.name] = result = try_without(copy, safeguard)
            print(
                f"{result['verdict']:>14} {result['seconds']:6.1f} s  {safeguard.name}", *result.get("passed", ()), flush=True
            )
            evidence.write(file, content, page(content))
    return all(result["verdict"] == "noticed" for result in results.values())


def _passes(copy: Copy, safeguards: Sequence[Safeguard]) -> bool:
    tests = sorted({test for safeguard in safeguards for test in safeguard.tests})
    failed, words = copy.failing(tests) if tests else (set(), "")
    if failed:
        print(words, "these fail while every safeguard is there:", *sorted(failed), sep="\n")
    return not failed


def page(content: Mapping[str, Any]) -> str:
    """Return the readable page."""
    results: Mapping[str, Result] = content["safeguards"]
    noticed = sum(result["verdict"] == "noticed" for result in results.values())
    lines = [*evidence.heading(TITLE, content), f"- **{noticed} of {len(SAFEGUARDS)} removals are noticed**", ""]
    known = {safeguard.name: safeguard for safeguard in SAFEGUARDS}
    rows = (
        (name, f"`{known[name].file}`", result["verdict"], result["seconds"], ", ".join(map(_short, known[name].tests)))
        for name, result in results.items()
        if name in known
    )
    lines += evidence.table(("safeguard", "file", "its removal is", "seconds", "by"), rows)
    return "\n".join(lines) + "\n"


def _short(test: str) -> str:
    return f"`{test.rpartition('/')[2]}`"


if __name__ == "__main__":
    named = set(sys.argv[1:])
    sys.exit(0 if run([one for one in SAFEGUARDS if not named or one.name in named]) else 1)
