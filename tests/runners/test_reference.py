import subprocess
import sys
from pathlib import Path

GENERATE = Path(__file__).parents[2] / "docs" / "generate.py"


def test_the_reference_pages_are_what_the_code_says() -> None:
    done = subprocess.run([sys.executable, str(GENERATE), "--check"], text=True, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
