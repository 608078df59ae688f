"""The tutorial is true, and the how-to pages that go on from it: one shell runs their commands and prints what they say."""

from pathlib import Path

import pytest
from brokers import Vhost
from pages import DOCS, places_of, shell_in

pytestmark = pytest.mark.e2e

GOING_ON = ("how-to/hold-and-lift.md", "how-to/read-dead-letters.md")
"""Pages whose examples stand between the last two sections of the tutorial."""


def pages() -> str:
    """Return the text whose commands are run."""
    tutorial, heading, ending = (DOCS / "tutorial.md").read_text().partition("\n## 8. Ending\n")
    assert heading
    return "\n".join([tutorial, *((DOCS / page).read_text() for page in GOING_ON), ending])


def test_the_commands_of_these_pages_do_what_they_say(vhost: Vhost, tmp_path: Path) -> None:
    with shell_in(tmp_path) as shell:
        shell.follow(pages(), places_of(vhost))
