"""What an administrator declares on a cluster's broker: exchanges, users, and what each user may do."""

import re
from dataclasses import dataclass

from winnowry.runners.cluster.accounts import own_brokers
from winnowry.runners.cluster.address import account_of, vhost_of
from winnowry.runners.cluster.rules import targets
from winnowry.runners.cluster.settings import ClusterSettings
from winnowry.runners.cluster.wiring import exchanges

NOTHING = "^$"
_PLAIN = re.compile("[A-Za-z0-9_-]+")


@dataclass(frozen=True, kw_only=True)
class Grant:
    """A user and three anchored patterns on names of queues and exchanges, as RabbitMQ reads them."""

    user: str
    configure: str = NOTHING
    write: str = NOTHING
    read: str = NOTHING
    tags: str = ""


@dataclass(frozen=True, kw_only=True)
class Administration:
    """Durable topic exchanges and grants, all in one virtual host."""

    vhost: str
    exchanges: tuple[str, ...]
    grants: tuple[Grant, ...]


def administration(cluster: ClusterSettings) -> Administration:
    """Return what has to be declared for this cluster, users in the order of the file and then the accounts of its pumps."""
    running = {account_of(url) for pump in cluster.pumps.values() for url in own_brokers(cluster, pump)}
    users = [*cluster.users, *sorted(running - set(cluster.users))]
    return Administration(
        vhost=vhost_of(cluster.broker[0]),
        exchanges=exchanges(cluster),
        grants=tuple(grant(cluster, user) for user in users),
    )


def grant(cluster: ClusterSettings, user: str) -> Grant:
    """Return what ``user`` may do. A user that is not in the file is the one that runs the pumps."""
    settings = cluster.users.get(user)
    if settings is not None and settings.role == "admin":
        return Grant(user=user, configure=".*", write=".*", read=".*", tags="administrator")
    queues = rf"q_{_exact(user)}(\.|$)"
    if settings is None:
        return Grant(user=user, configure=f"^{queues}", write=rf"^({queues}|x|sx_|amq\.default$)", read=rf"^({queues}|x|sx_)")
    role = settings.role
    return Grant(
        user=user, configure=_configure(user, role, queues), write=_write(user, role, queues), read=_read(cluster, user)
    )


def _configure(user: str, role: str, queues: str) -> str:
    """A source's own exchange is in it because existing posters declare it each time, which needs this permission."""
    return _any(queues, f"xs_{user}$") if role == "source" else f"^{queues}"


def _write(user: str, role: str, queues: str) -> str:
    own = [f"xs_{user}$", f"xl_{user}$"] if role == "source" else [f"xl_{user}$"]
    return _any(queues, *own)


def _read(cluster: ClusterSettings, user: str) -> str:
    role = cluster.users[user].role
    names = {"xpublic", *(name for pump in cluster.pumps.values() for name in targets(pump) if _is_public(name))}
    if role == "feeder":
        names |= {"xprivate"}
    if role == "source":
        names |= {f"sx_{user}"}
    return _any(rf"q_{user}(\.|$)", *(f"{re.escape(name)}$" for name in sorted(names)))


def _exact(user: str) -> str:
    """Return a pattern for this name alone: those in URLs may hold any character, and a dot would stand for each."""
    return user if _PLAIN.fullmatch(user) else re.escape(user)


def _is_public(exchange: str) -> bool:
    return exchange.startswith("x") and exchange.endswith("public") and not exchange.startswith(("xs_", "xl_"))


def _any(*patterns: str) -> str:
    return f"^({'|'.join(patterns)})"
