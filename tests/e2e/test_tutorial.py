"""The tutorial is true, and the how-to pages that go on from it: one shell runs their commands and prints what they say."""

import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from brokers import Vhost

from winnowry.runners.servers.ports import free_port

pytestmark = pytest.mark.e2e

DOCS = Path(__file__).parents[2] / "docs"
GOING_ON = ("how-to/hold-and-lift.md", "how-to/read-dead-letters.md")
"""Pages whose examples stand between the last two sections of the tutorial."""
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


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A shell in an empty folder; whatever it leaves running ends with it."""
    paths = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"HOME": str(tmp_path), "PATH": paths, "COLUMNS": "200", "LANG": "C.UTF-8"}
    (tmp_path / "empty").mkdir()
    process = subprocess.Popen(
        ["bash"],
        cwd=tmp_path / "empty",
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


@pytest.fixture
def places(vhost: Vhost) -> dict[str, str]:
    """What stands on the pages, and what stands there for this test: addresses, and the administrator of the test's broker."""
    broker, management = vhost.broker, urlsplit(vhost.broker.management_url)
    administrator, password = str(management.username), str(management.password)
    return {
        "//admin@localhost:15672/": f"//{administrator}@{management.hostname}:{management.port}/",
        "WINNOWRY_PASSWORD_ADMIN='what you gave it'": f"WINNOWRY_PASSWORD_{administrator.upper()}='{password}'",
        "@localhost/": f"@{broker.host}:{broker.port}/{vhost.name}",
        "8001": str(free_port()),
        "8002": str(free_port()),
    }


def pages() -> str:
    """Return the text whose commands are run."""
    tutorial, heading, ending = (DOCS / "tutorial.md").read_text().partition("\n## 8. Ending\n")
    assert heading
    return "\n".join([tutorial, *((DOCS / page).read_text() for page in GOING_ON), ending])


def says(page: str, printed: str) -> bool:
    """Whether what was printed is what the page says, where a line `…` stands for any lines."""
    lines = ["(?:.*\n)*" if line == ANYTHING else re.escape(line) + "\n" for line in page.splitlines()]
    return re.fullmatch("".join(lines), printed) is not None


def test_the_commands_of_these_pages_do_what_they_say(shell: Shell, places: dict[str, str]) -> None:
    text = pages()
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) == text.count("```sh") > 10
    for block in blocks:
        commands = block["commands"]
        for written, meant in places.items():
            assert written in text
            commands = commands.replace(written, meant)
        printed = shell.run(commands)
        if block["printed"] is not None:
            assert says(block["printed"], printed), f"{commands}\nprinted\n{printed}\nand the page says\n{block['printed']}"
