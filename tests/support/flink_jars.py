"""Where `make flink` assembles the jars of Flink and of Beam's job server."""

from pathlib import Path

JARS = Path(__file__).parents[2] / "build" / "flink" / "lib"
