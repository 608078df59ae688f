"""The page on writing a pump is true: its program prints what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "write-a-pump.md"


def test_the_pump_of_the_page_announces_what_it_says(tmp_path: Path) -> None:
    page = PAGE.read_text()
    program = "".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    printed = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    (tmp_path / "program.py").write_text(program)
    command = [sys.executable, "program.py"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, printed[0]), done.stderr
