"""What must hold between the keys of a cluster file, each rule a function that yields what breaks it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from winnowry.runners.cluster.accounts import reported_to
from winnowry.runners.cluster.document import Path
from winnowry.runners.cluster.problem import nearest
from winnowry.runners.cluster.settings import KEYS_OF_KIND, ClusterSettings, PumpSettings
from winnowry.schemas.errors import ConfigError
from winnowry.transforms.bounds import Bounds
from winnowry.transforms.filters import Filters
from winnowry.transforms.layout import Layout

RESERVED = frozenset({"dead", "later"})
"""Last parts of names of queues that every pump has for itself."""


@dataclass(frozen=True)
class Breach:
    """A rule is broken at ``path``; ``of_key`` says that the key stands wrong, not its value."""

    path: Path
    text: str
    of_key: bool = False


Breaches = Iterator[Breach]


def breaches(cluster: ClusterSettings) -> Breaches:
    """Yield everything that the settings, each for itself well-formed, break together."""
    for name, pump in cluster.pumps.items():
        for rule in _PUMP_RULES:
            yield from rule(cluster, pump, ("pumps", name))
    yield from _no_circles(cluster)


def _origin_is_one(cluster: ClusterSettings, pump: PumpSettings, path: Path) -> Breaches:
    origin = pump.origin
    given = [key for key in ("sources", "exchanges", "feeder") if getattr(origin, key)]
    if len(given) != 1:
        said = f"not {' and '.join(given)}" if given else "and this names none"
        yield Breach((*path, "from"), f"announcements come from one of `sources`, `exchanges` and `feeder`, {said}")
    if "exchange" in origin.model_fields_set and origin.feeder is None:
        yield Breach(
            (*path, "from", "exchange"), "`exchange` belongs to `feeder`; `exchanges` are this cluster's own", of_key=True
        )


def _sources_are_users(cluster: ClusterSettings, pump: PumpSettings, path: Path) -> Breaches:
    sources = [name for name, user in cluster.users.items() if user.role == "source"]
    for number, name in enumerate(pump.origin.sources):
        where = (*path, "from", "sources", number)
        if name not in cluster.users:
            yield Breach(where, f"`{name}` is not one of the users; {nearest(name, sources)}")
        elif name not in sources:
            yield Breach(where, f"`{name}` has the role `{cluster.users[name].role}`; only a `source` is taken from")
        elif name in RESERVED:
            yield Breach(where, f"a source cannot be called `{name}`: its queue would be taken for one of the pump's own")
        elif name in pump.origin.sources[:number]:
            yield Breach(where, f"`{name}` is here twice")


def _account_is_a_user(cluster: ClusterSettings, pump: PumpSettings, path: Path) -> Breaches:
    if pump.account is None:
        return
    if pump.origin.feeder is not None:
        yield Breach(
            (*path, "account"), "the account of this pump is the one in the feeder's URL; leave the key out", of_key=True
        )
    elif pump.account not in cluster.users:
        yield Breach(
            (*path, "account"), f"`{pump.account}` is not one of the users; {nearest(pump.account, list(cluster.users))}"
        )


def _exchanges_are_announced_to(cluster: ClusterSettings, pump: PumpSettings, path: Path) -> Breaches:
    announcing = [other for other in cluster.pumps.values() if other.kind != "speedo"]
    reported = reported_to(cluster) if pump.kind == "speedo" else set()
    known = sorted({exchange for other in announcing for exchange in targets(other)} | set(cluster.exchanges) | reported)
    for number, exchange in enumerate(pump.origin.exchanges):
        if exchange in known:
            continue
        where = (*path, "from", "exchanges", number)
        if exchange.startswith("xs_") and exchange[3:] in cluster.users:
            yield Breach(where, f"`{exchange}` is a user's own and not validated; write from: {{sources: [{exchange[3:]}]}}")
        else:
            hint = nearest(exchange, known)
            yield Breach(where, f"no pump announces to `{exchange}`; {hint} (others are named in the key `exchanges`)")


def targets(pump: PumpSettings) -> list[str]:
    """Return the exchanges that a pump announces to."""
    return [exchange for exchange in (pump.to.public, pump.to.private) if exchange is not None]


def _keys_suit_the_kind(cluster: ClusterSettings, pump: PumpSettings, path: Path) -> Breaches:
    for key in sorted(pump.set_keys() - KEYS_OF_KIND[pump.kind]):
        kinds = [f"`{kind}`" for kind, keys in KEYS_OF_KIND.items() if key in keys]
        said = f"only {', '.join(kinds)} {'know' if len(kinds) > 1 else 'knows'} it"
        yield Breach((*path, key), f"`{key}` means nothing to a `{pump.kind}`; {said}", of_key=True)


def _needs_of_the_kind(cluster: ClusterSettings, pump: PumpSettings, path: Path) -> Breaches:
    if pump.kind == "speedo" and pump.to.public is None:
        yield Breach(path, "a `speedo` tells Rates; it needs the key `to`, as in to: xrates", of_key=True)
    elif pump.kind != "subscribe" and pump.to.public is None:
        yield Breach(path, f"a `{pump.kind}` announces; it needs the key `to`, as in to: {{public: xpublic}}", of_key=True)
    if pump.kind == "sarra" and not pump.base_url:
        yield Breach(path, 'others fetch from here; it needs the key `base_url`, as in "https://{host}/"', of_key=True)


def _counts_what_is_ours(cluster: ClusterSettings, pump: PumpSettings, path: Path) -> Breaches:
    if pump.kind != "speedo":
        return
    if pump.origin.sources or pump.origin.feeder is not None:
        yield Breach((*path, "from"), "a `speedo` counts what crosses exchanges of this cluster, as in from: [xpublic]")
    if pump.to.private is not None:
        yield Breach((*path, "to", "private"), "Rates are not private; a `speedo` has one exchange for them", of_key=True)


def _sources_do_not_collide(cluster: ClusterSettings, pump: PumpSettings, path: Path) -> Breaches:
    if pump.kind != "sarra" or len(pump.origin.sources) < 2 or pump.fused:
        return
    if pump.layout is not None and "{source}" not in pump.layout:
        text = "one source could overwrite another's file: name {source} in the layout, or say `fused: true` if they are alike"
        yield Breach((*path, "layout"), text)


def _quotas_agree(cluster: ClusterSettings, pump: PumpSettings, path: Path) -> Breaches:
    quotas = {cluster.users[user].max_file: user for user in reversed(pump.origin.sources) if user in cluster.users}
    if len(quotas) > 1:
        first, second, *_ = sorted(quotas.values())
        text = f"`{first}` and `{second}` differ in `max_file`, and a pump has one limit; give them pumps of their own"
        yield Breach((*path, "from", "sources"), text)


def _patterns_are_readable(cluster: ClusterSettings, pump: PumpSettings, path: Path) -> Breaches:
    for key, patterns in (("accept", pump.accept), ("reject", pump.reject)):
        for number, pattern in enumerate(patterns):
            yield from _try((*path, key, number), partial(Filters, accept=(pattern,)))


def _layout_is_readable(cluster: ClusterSettings, pump: PumpSettings, path: Path) -> Breaches:
    if pump.layout is not None:
        yield from _try((*path, "layout"), partial(Layout, template=pump.layout))
    yield from _try((*path, "flatten"), partial(Layout, flatten=pump.flatten))


def _schemes_are_known(cluster: ClusterSettings, pump: PumpSettings, path: Path) -> Breaches:
    known = list(PumpSettings.model_fields["schemes"].default)
    for number, scheme in enumerate(pump.schemes):
        if scheme not in known:
            yield Breach((*path, "schemes", number), f"nothing fetches by `{scheme}`; {nearest(scheme, known)}")


def _roots_are_absolute(cluster: ClusterSettings, pump: PumpSettings, path: Path) -> Breaches:
    for number, root in enumerate(pump.file_roots):
        yield from _try((*path, "file_roots", number), partial(Bounds, file_roots=(root,)))


def _try(path: Path, build: Callable[[], object]) -> Breaches:
    try:
        build()
    except ConfigError as error:
        yield Breach(path, str(error).removeprefix(f"{path[2]}: "))


def _no_circles(cluster: ClusterSettings) -> Breaches:
    for name in cluster.pumps:
        circle = _circle_from(cluster, name, (name,))
        if circle and name == min(circle):
            text = f"announcements would go round for ever: {' → '.join((*circle, name))}"
            yield Breach(("pumps", name, "to"), text)


def _circle_from(cluster: ClusterSettings, first: str, way: tuple[str, ...]) -> tuple[str, ...]:
    for name, pump in cluster.pumps.items():
        if not set(targets(cluster.pumps[way[-1]])) & set(pump.origin.exchanges):
            continue
        if name == first:
            return way
        if name not in way and (circle := _circle_from(cluster, first, (*way, name))):
            return circle
    return ()


_PUMP_RULES = (
    _origin_is_one,
    _sources_are_users,
    _account_is_a_user,
    _exchanges_are_announced_to,
    _keys_suit_the_kind,
    _needs_of_the_kind,
    _counts_what_is_ours,
    _sources_do_not_collide,
    _quotas_agree,
    _patterns_are_readable,
    _layout_is_readable,
    _schemes_are_known,
    _roots_are_absolute,
)
