"""What runs the pumps of a cluster file, and how."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StrictInt, StringConstraints

from winnowry.runners.cluster.section import Duration, Section

Endpoint = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+:\d{1,5}$")]


class Engine(Section):
    """What runs the pumps."""

    name: Literal["direct", "flink"] = Field(
        default="direct", description="`direct` runs them in processes of this machine, `flink` on Apache Flink"
    )
    master: Endpoint | None = Field(
        default=None,
        description="REST address of a Flink cluster, as in `localhost:8081`; without it Flink runs on this machine",
    )
    job_server: Endpoint | None = Field(
        default=None, description="address of Beam's job server for Flink; without it one is started here"
    )
    jars: Path | None = Field(
        default=None,
        description="where the job server to start is: a folder of jars (`make flink`), or the jar of Beam's job server",
    )
    workers: Endpoint | None = Field(
        default=None,
        description="address of the worker pool, as each TaskManager sees its own; without it one is started here",
    )
    parallelism: StrictInt = Field(default=1, ge=1, le=128, description="subtasks that share what a pump remembers")
    readers: StrictInt = Field(default=1, ge=1, le=64, description="connections that share a pump's queues")
    prefetch: StrictInt = Field(
        default=20_000,
        ge=1,
        le=65535,
        description="announcements that a reader holds of each queue; they are settled after two checkpoints",
    )
    checkpoints: Duration = Field(default=timedelta(seconds=2), description="time between two checkpoints")
    rate: StrictInt = Field(
        default=1000,
        ge=1,
        description="announcements a second that a pump has to pass: none starts with a `prefetch` that cannot carry them from "
        "one checkpoint to the next but one",
    )
