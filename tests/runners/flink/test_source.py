import os
import subprocess
import sys

from apache_beam import coders

from winnowry.runners.flink.source import QueueSource

NAME = "winnowry ddi.example.org fuse/1"
ENCODE = f"""
from apache_beam import coders
from winnowry.runners.flink.source import QueueSource
coder = coders.registry.get_coder(QueueSource)
print(coder.encode(coder.decode(coder.encode(QueueSource({NAME!r})))).hex())
"""


def encoded_elsewhere(seed: int) -> str:
    """Return the bytes of a source, through another process whose sets are in another order."""
    command = [sys.executable, "-W", "ignore", "-c", ENCODE]
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def test_flink_finds_the_position_of_a_reader_again_in_whatever_process_it_was_written() -> None:
    coder = coders.registry.get_coder(QueueSource)
    ours = coder.encode(QueueSource(NAME)).hex()
    assert {ours, encoded_elsewhere(1), encoded_elsewhere(2)} == {ours}
