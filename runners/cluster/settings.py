"""The cluster file as a model: every key, what it means, what it is when left out."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StrictInt, StringConstraints

from winnowry.runners.cluster.address import check_base_url, check_broker, check_management
from winnowry.runners.cluster.engine import Engine
from winnowry.runners.cluster.section import Duration, Section
from winnowry.runners.cluster.units import parse_bandwidth, parse_size, parse_window

Role = Literal["source", "feeder", "consumer", "admin"]
Kind = Literal["shovel", "winnow", "sarra", "subscribe", "speedo"]


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value


Size = Annotated[int, BeforeValidator(parse_size, json_schema_input_type=int | str)]
Window = Annotated[timedelta, BeforeValidator(parse_window, json_schema_input_type=str)]
Bandwidth = Annotated[int, BeforeValidator(parse_bandwidth, json_schema_input_type=str)]
Several = Annotated[tuple[str, ...], BeforeValidator(_several, json_schema_input_type=str | list[str])]
BrokerUrl = Annotated[str, AfterValidator(check_broker)]
Brokers = Annotated[
    tuple[BrokerUrl, ...], BeforeValidator(_several, json_schema_input_type=str | list[str]), Field(min_length=1)
]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
ClusterName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Exchange = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=127)]
Exchanges = Annotated[tuple[Exchange, ...], BeforeValidator(_several, json_schema_input_type=str | list[str])]


class User(Section):
    """An account on the broker."""

    role: Role = Field(
        description="`source` announces files, `consumer` reads `xpublic`, `feeder` is another cluster and reads `xprivate` "
        "too, `admin` may do everything"
    )
    max_file: Size | None = Field(default=None, description="largest file taken from this source, as in `5G`; without it, any")
    bandwidth: Bandwidth | None = Field(
        default=None, description="bytes a second taken from this source, as in `100M/s`; read, but not enforced yet"
    )


class Origin(Section):
    """Where a pump's announcements come from: one of `sources`, `exchanges` and `feeder`.

    A text or a list of texts is short for `exchanges`.
    """

    sources: Several = Field(
        default=(), description="users with the role `source`; each has a queue of its own, bound to `xs_<user>`"
    )
    exchanges: Exchanges = Field(
        default=(), description="exchanges of this cluster, whose announcements were validated already"
    )
    feeder: BrokerUrl | None = Field(
        default=None, description="broker of another cluster, as in `amqps://dd@broker.example.net/`"
    )
    exchange: Exchange = Field(default="xpublic", description="the feeder's exchange")


class Target(Section):
    """Where a pump announces, or a `speedo` tells Rates. A text is short for `public`."""

    public: Exchange | None = Field(default=None, description="exchange for all announcements but private ones")
    private: Exchange | None = Field(
        default=None, description="exchange for private announcements; without it they are refused"
    )


def _origin(value: object) -> object:
    return {"exchanges": value} if isinstance(value, str | list) else value


def _target(value: object) -> object:
    return {"public": value} if isinstance(value, str) else value


class PumpSettings(Section):
    """One pump. Which keys a kind knows is told in the table of kinds."""

    kind: Kind = Field(
        description="`sarra` fetches, checks and announces; `winnow` lets each content through once; `shovel` relays; "
        "`subscribe` fetches and delivers; `speedo` counts what passes"
    )
    origin: Annotated[Origin, BeforeValidator(_origin, json_schema_input_type=str | list[str] | Origin)] = Field(
        alias="from", description="where announcements come from: exchanges, `{sources: [...]}` or `{feeder: URL}`"
    )
    to: Annotated[Target, BeforeValidator(_target, json_schema_input_type=str | Target)] = Field(
        default=Target(), description="where it announces: an exchange or `{public: ..., private: ...}`"
    )
    account: Name | None = Field(
        default=None, description="user that runs the pump and owns its queues; else the one in the broker's URL"
    )
    subtopic: Several = Field(
        default=(), description="bindings below the topic prefix, as in `*.observations.#`; without it, everything"
    )
    accept: Several = Field(
        default=(),
        description="globs on the path (`**` spans folders; without a slash: on the file name), "
        "or `re:` and an expression on the URL",
    )
    reject: Several = Field(default=(), description="the same, for what is refused; asked before `accept`")
    base_url: Annotated[str, AfterValidator(check_base_url)] = Field(
        default="", description="where others fetch our copy; `{host}` is this machine's name"
    )
    layout: str | None = Field(
        default=None,
        description="where a file lands below `data`: `{rel_path}`, `{name}`, `{source}`, `{cluster}`, `{date:%Y%m%d}`; "
        "without it `{date:%Y%m%d}/{source}/{rel_path}` for `sarra`, `{rel_path}` for `subscribe`",
    )
    strip: StrictInt = Field(default=0, ge=0, description="leading folders taken off the path")
    flatten: str = Field(default="", description="replaces the slashes of the path, as in `_`")
    fused: StrictBool = Field(default=False, description="the sources are equivalent by agreement and may write the same file")
    same: Literal["path", "data"] = Field(
        default="path", description="a repeat is the same content at the same path, or anywhere"
    )
    remember: Duration = Field(default=timedelta(days=3), description="how long a repeat is known as one")
    max_file: Size | None = Field(default=None, description="largest file taken, as in `5G`")
    max_age: Duration | None = Field(default=None, description="oldest announcement taken, as in `2d`")
    max_future: Duration = Field(
        default=timedelta(hours=1), description="how far ahead of our clock an announcement may be dated"
    )
    schemes: Several = Field(default=("file", "http", "https", "sftp"), description="ways by which files may be fetched")
    file_roots: Several = Field(
        default=(), description="absolute folders below which `file:` URLs are believed; without it none is"
    )
    attempts: StrictInt = Field(default=10, ge=1, le=1000, description="how often a file is tried, the first time included")
    delays: tuple[Duration, ...] = Field(
        default=tuple(timedelta(seconds=s) for s in (1, 10, 60, 600)),
        min_length=1,
        description="waits before the next attempts; the last repeats",
    )
    durability: Literal["process", "machine"] = Field(
        default="process",
        description="whose death a file outlives once it is announced or delivered: that of the `process`, or of the "
        "`machine`, for which each file and its folders are synced to the disk before",
    )
    instances: StrictInt = Field(
        default=1,
        ge=1,
        le=64,
        description="processes that share the pump's queues and memory; on Flink, `engine` has `readers` and `parallelism`",
    )
    queue_name: Exchange | None = Field(default=None, description="name of the pump's queue; else `q_<account>.<pump>`")
    prefetch: StrictInt = Field(
        default=2000,
        ge=1,
        le=65535,
        description="announcements held unsettled by one instance; on Flink, `engine` has its own `prefetch`",
    )
    queue: Literal["classic", "quorum"] = Field(
        default="classic", description="kind of the pump's queues, of later work and dead letters too"
    )
    expires: Duration | None = Field(default=None, description="unused queues are removed after this; without it never")
    reports: Exchange | None = Field(
        default=None, description="exchange that Reports go to, or `none`; without it `xl_<account>`, and none for a feeder's"
    )

    window: Window = Field(
        default=timedelta(seconds=10), description="time over which announcements and Reports are added up, from `1s` to `1h`"
    )

    def set_keys(self) -> frozenset[str]:
        """The keys that the file names, as the file calls them."""
        return frozenset("from" if name == "origin" else name for name in self.model_fields_set)


class ClusterSettings(Section):
    """A cluster."""

    cluster: ClusterName = Field(description="this cluster's name, as other clusters know it")
    broker: Brokers = Field(description="URL of the broker, without the password, or a list of URLs to fail over to")
    data: Path = Field(description="data root; nothing is ever written outside it. Relative to the cluster file's folder")
    state: Path | None = Field(
        default=None, description="what is remembered, not below `data`; without it `$XDG_STATE_HOME/winnowry/<cluster>`"
    )
    keep_free: Size | None = Field(
        default=None,
        description="room that stays free on the disks of `data` and `state`, as in `2G`: with less, pumps are held until "
        "there is a quarter more; without it a hundredth of the disk, at most 1 GiB",
    )
    credentials: Path | None = Field(
        default=None, description="credentials file; without it `$XDG_CONFIG_HOME/winnowry/credentials.conf` where there is one"
    )
    management: Annotated[str, AfterValidator(check_management)] | None = Field(
        default=None, description="URL of the broker's management API, as in `http://admin@localhost:15672/`"
    )
    reaches: tuple[ClusterName, ...] = Field(
        default=(), description="clusters that announcements get to from here; without it, this one"
    )
    exchanges: tuple[Exchange, ...] = Field(default=(), description="exchanges that pumps outside this file announce to")
    users: dict[Name, User] = Field(default={}, description="accounts by name")
    pumps: dict[Name, PumpSettings] = Field(description="pumps by name", min_length=1)
    engine: Engine = Field(default=Engine(), description="what runs the pumps")


_CONSUMING = frozenset(
    {"kind", "from", "account", "subtopic", "instances", "queue_name", "prefetch", "queue", "expires", "reports"}
)
_JUDGING = frozenset({"accept", "reject", "max_file", "max_age", "max_future", "schemes", "file_roots"})
_REMEMBERING = frozenset({"same", "remember"})
_FETCHING = frozenset({"layout", "strip", "flatten", "attempts", "delays", "durability"}) | _REMEMBERING
KEYS_OF_KIND: dict[str, frozenset[str]] = {
    "shovel": _CONSUMING | _JUDGING | {"to"},
    "winnow": _CONSUMING | _JUDGING | _REMEMBERING | {"to"},
    "sarra": _CONSUMING | _JUDGING | _FETCHING | {"to", "base_url", "fused"},
    "subscribe": _CONSUMING | _JUDGING | _FETCHING,
    "speedo": (_CONSUMING - {"instances", "reports"}) | {"accept", "reject", "to", "window"},
}
"""Which keys mean something for which kind of pump."""


def known_keys(section: type[Section]) -> list[str]:
    """Return the keys of a section as the file calls them."""
    return [field.alias or name for name, field in section.model_fields.items()]


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the cluster file, for editors."""
    schema = ClusterSettings.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
