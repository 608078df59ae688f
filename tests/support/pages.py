"""Run the commands of a page, and compare what they print with what the page says."""

import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from brokers import Vhost

from winnowry.runners.servers.ports import free_port

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```sh\n(?P<commands>.*?)^```\n(?:```text\n(?P<printed>.*?)^```\n)?", re.MULTILINE | re.DOTALL)
ANYTHING = "…"


@dataclass
class Shell:
    """One shell in which the blocks of the page follow each other, as a person's does."""

    process: "subprocess.Popen[str]"

    def run(self, commands: str) -> str:
        """Return what these commands print. Fails where the last of them does."""
        over = f"over {secrets.token_hex(8)}"
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f'{commands}\necho "{over} $?"\n')
        self.process.stdin.flush()
        printed: list[str] = []
        for line in self.process.stdout:
            if line.startswith(over):
                assert line == f"{over} 0\n", f"{commands}\n{''.join(printed)}"
                return "".join(printed)
            printed.append(line)
        pytest.fail(f"the shell ended at {commands}\n{''.join(printed)}")

    def follow(self, text: str, places: Mapping[str, str]) -> None:
        """Run the blocks of a page; what it writes of ``places`` means something else here. Fails where it says what is not."""
        blocks = list(BLOCK.finditer(text))
        assert len(blocks) == text.count("```sh") > 10
        for written in places:
            assert written in text
        for block in blocks:
            commands = _here(block["commands"], places)
            printed, said = self.run(commands), block["printed"]
            if said is not None:
                assert says(_here(said, places), printed), f"{commands}\nprinted\n{printed}\nand the page says\n{said}"


@contextmanager
def shell_in(folder: Path) -> Iterator[Shell]:
    """Yield a shell in an empty folder below ``folder``, its home; whatever it leaves running ends with it."""
    paths = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"HOME": str(folder), "PATH": paths, "COLUMNS": "200", "LANG": "C.UTF-8"}
    (folder / "empty").mkdir()
    process = subprocess.Popen(
        ["bash"],
        cwd=folder / "empty",
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    yield Shell(process)
    os.killpg(process.pid, signal.SIGTERM)
    process.communicate(timeout=60)


def places_of(vhost: Vhost) -> dict[str, str]:
    """What stands on the tutorial, and what it means in a test: addresses, and the administrator of the test's broker."""
    broker, management = vhost.broker, urlsplit(vhost.broker.management_url)
    administrator, password = str(management.username), str(management.password)
    return {
        "//admin@localhost:15672/": f"//{administrator}@{management.hostname}:{management.port}/",
        "WINNOWRY_PASSWORD_ADMIN='what you gave it'": f"WINNOWRY_PASSWORD_{administrator.upper()}='{password}'",
        "@localhost/": f"@{broker.host}:{broker.port}/{vhost.name}",
        "8001": str(free_port()),
        "8002": str(free_port()),
    }


def _here(text: str, places: Mapping[str, str]) -> str:
    for written, meant in places.items():
        text = text.replace(written, meant)
    return text


def says(page: str, printed: str) -> bool:
    """Whether what was printed is what the page says, where a line `…` stands for any lines."""
    lines = ["(?:.*\n)*" if line == ANYTHING else re.escape(line) + "\n" for line in page.splitlines()]
    return re.fullmatch("".join(lines), printed) is not None
