"""The page on the AMQP transforms is true: its script prints what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from brokers import Vhost

pytestmark = pytest.mark.e2e

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "use-the-amqp-transforms.md"
POST = b'{"pubTime": "20260101T000000.0", "baseUrl": "https://files.example.org/", "relPath": "%d", "size": %d}'


def test_large_files_of_a_queue_are_announced_again(vhost: Vhost, tmp_path: Path) -> None:
    vhost.add_exchange("xs_dan")
    vhost.queue("q_dan.large")
    vhost.queue("q_listener", "xs_dan")
    posts = [POST % (number, size) for number, size in enumerate((2_000_000, 10, 3_000_000))]
    vhost.publish("", "q_dan.large", *posts)
    script, printed = re.findall(r"```python\n(.*?)```\n```text\n(.*?)```", PAGE.read_text(), re.DOTALL)[0]
    (tmp_path / "script.py").write_text(script.replace("amqp://dan:secret@broker.example.org/", vhost.url))
    command = [sys.executable, "script.py"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, printed), done.stderr
    assert vhost.take("q_listener", 2) == [posts[0], posts[2]]
    assert vhost.depth("q_dan.large") == 0
