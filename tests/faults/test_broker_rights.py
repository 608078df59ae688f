"""What a broker refuses to a running pump, and grants again: rights, its account, its password, its place, room in a queue."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from brokers import Vhost, delete, eventually
from chains import CAROL, RELAY, Chain, heard, names_of
from proxies import Proxy, through

pytestmark = [pytest.mark.e2e, pytest.mark.long]

NAMES = names_of(20)
MORE = names_of(10, first=20)
ALL = ".*"


@pytest.fixture
def way(vhost: Vhost) -> Iterator[Proxy]:
    with Proxy(vhost.broker.port) as proxy:
        yield proxy


@pytest.fixture
def chain(vhost: Vhost, tmp_path: Path, way: Proxy) -> Iterator[Chain]:
    """A chain whose relay runs as an account of its own, and has settled twenty announcements."""
    with Chain(vhost, tmp_path, relay_url=through(way, vhost.add_user("robin"))) as made:
        made.start().announce(NAMES)
        made.relay.until(lambda status: status["outcomes"] == {"announced:done": len(NAMES)})
        yield made


@pytest.mark.parametrize(
    ("left", "said"),
    [
        ({"write": f"^{RELAY}"}, "access to exchange 'xwinnow'"),
        ({"read": "^$"}, f"access to queue '{RELAY}'"),
    ],
)
def test_a_right_that_is_taken_away_stops_a_pump_until_it_is_given_back(
    chain: Chain, vhost: Vhost, way: Proxy, left: dict[str, str], said: str
) -> None:
    permit(vhost, **left)
    way.cut()  # a broker asks again whether an account may do something when that connects again
    chain.announce(MORE)
    status = chain.relay.says(said)
    assert status["outcomes"] == {"announced:done": len(NAMES)}
    permit(vhost)
    chain.ended(NAMES + MORE)
    assert all(state == "connected" for state in chain.relay.says("connected")["brokers"].values())


def test_a_pump_that_may_no_longer_declare_goes_on_and_says_so(chain: Chain, vhost: Vhost, way: Proxy) -> None:
    permit(vhost, configure="^$")
    chain.relay.says("declaring: ACCESS_REFUSED")
    chain.announce(MORE)
    chain.ended(NAMES + MORE)
    permit(vhost)
    chain.relay.until(lambda status: set(status["brokers"].values()) == {"connected"})


@pytest.mark.parametrize("password", [None, "another"])
def test_an_account_that_is_deleted_or_gets_another_password_stops_its_pump_until_it_is_as_before(
    chain: Chain, vhost: Vhost, way: Proxy, password: str | None
) -> None:
    if password is None:
        administer(vhost, "DELETE", "users/robin")
    else:
        vhost.broker.add_user("robin", password, ALL, ALL, ALL, vhost=vhost.name)
        way.cut()
    chain.announce(MORE)
    chain.relay.says("refused connection: the broker does not accept this user, password or virtual host")
    assert chain.relay.runs
    vhost.add_user("robin")
    chain.ended(NAMES + MORE)


def test_a_virtual_host_that_takes_no_connections_for_a_while_costs_nothing(chain: Chain, vhost: Vhost, way: Proxy) -> None:
    administer(vhost, "PUT", f"vhost-limits/{vhost.name}/max-connections", value=0)
    eventually(lambda: limited(chain, way), what="the limit being heeded")
    administer(vhost, "DELETE", f"vhost-limits/{vhost.name}/max-connections")
    chain.announce(MORE)
    chain.ended(NAMES + MORE)


def test_a_consumer_whose_queue_is_full_gets_everything_when_it_has_room(vhost: Vhost, tmp_path: Path) -> None:
    with Chain(vhost, tmp_path) as chain:
        delete(vhost, queue=CAROL)
        with vhost.connect() as connection:
            small = {"x-max-length": 5, "x-overflow": "reject-publish"}
            connection.channel().queue_declare(CAROL, durable=True, arguments=small)
            connection.channel().queue_bind(CAROL, "xpublic", "#")
        chain.start().announce(NAMES)
        chain.fuse.until(lambda status: status["unheard"] > 0)
        assert heard(vhost, len(NAMES)) == dict.fromkeys(NAMES, 1)
        assert chain.fuse.done(vhost)["outcomes"] == {"announced:done": len(NAMES)}
        assert vhost.depth(CAROL) == 0


def limited(chain: Chain, way: Proxy) -> bool:
    """Whether the relay, cut off, is refused; a broker takes a moment to heed a new limit."""
    state = chain.relay.source.state()
    if state.state == "connected":
        way.cut()
    return "does not accept this user" in state.detail


def permit(vhost: Vhost, configure: str = ALL, write: str = ALL, read: str = ALL) -> None:
    vhost.broker.permit("robin", configure, write, read, vhost=vhost.name)


def administer(vhost: Vhost, method: str, path: str, **body: Any) -> None:
    url = f"{vhost.broker.management_url}api/{path}"
    requests.request(method, url, json=body or None, timeout=30).raise_for_status()
