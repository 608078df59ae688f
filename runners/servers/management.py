"""RabbitMQ's management API: what an administrator does to a broker."""

from typing import Any
from urllib.parse import quote, urlsplit

import requests

from winnowry.schemas.errors import Unreachable
from winnowry.schemas.reasons import Reason

EVERYTHING = ".*"


class Broker:
    """A RabbitMQ broker that is up somewhere, with its management plugin.

    ``amqp`` and ``management_url`` are URLs with an administrator's name and password. Every method that changes something
    may be called again. Raises Unreachable when the broker does not do what it is asked.
    """

    def __init__(self, amqp: str, management_url: str) -> None:
        parts = urlsplit(amqp)
        self.host = parts.hostname or "127.0.0.1"
        self.port = parts.port or 5672
        self.management_url = management_url
        self._administrator = parts.username or "guest"
        self._passwords = {self._administrator: parts.password or "guest"}

    def url(self, user: str = "", vhost: str = "/") -> str:
        """Return the AMQP URL of one of the users added here; by default of the administrator."""
        name = user or self._administrator
        login = f"{quote(name, safe='')}:{quote(self._passwords[name], safe='')}"
        return f"amqp://{login}@{self.host}:{self.port}/{'' if vhost == '/' else quote(vhost, safe='')}"

    def add_user(
        self,
        name: str,
        password: str,
        configure: str = "^$",
        write: str = "^$",
        read: str = "^$",
        *,
        vhost: str = "/",
        tags: str = "",
    ) -> str:
        """Add a user with these three permission patterns in ``vhost``, and return its URL."""
        self._ask("PUT", f"users/{quote(name, safe='')}", {"password": password, "tags": tags})
        self.permit(name, configure, write, read, vhost=vhost)
        self._passwords[name] = password
        return self.url(name, vhost)

    def permit(self, name: str, configure: str, write: str, read: str, *, vhost: str = "/") -> None:
        """Give a user these three permission patterns in ``vhost``."""
        patterns = {"configure": configure, "write": write, "read": read}
        self._ask("PUT", f"permissions/{quote(vhost, safe='')}/{quote(name, safe='')}", patterns)

    def add_vhost(self, name: str) -> str:
        """Add a virtual host which the administrator may use, and return the administrator's URL of it."""
        self._ask("PUT", f"vhosts/{quote(name, safe='')}")
        self.permit(self._administrator, EVERYTHING, EVERYTHING, EVERYTHING, vhost=name)
        return self.url(vhost=name)

    def remove_vhost(self, name: str) -> None:
        """Remove a virtual host with everything in it."""
        self._ask("DELETE", f"vhosts/{quote(name, safe='')}")

    def add_exchange(self, name: str, vhost: str = "/") -> None:
        """Add a durable topic exchange."""
        self._ask("PUT", f"exchanges/{quote(vhost, safe='')}/{quote(name, safe='')}", {"type": "topic", "durable": True})

    def queues(self, vhost: str = "/") -> list[dict[str, Any]]:
        """Return what the management API says of each queue."""
        found: list[dict[str, Any]] = self._ask("GET", f"queues/{quote(vhost, safe='')}").json()
        return found

    def bindings(self, exchange: str, vhost: str = "/") -> list[str]:
        """Return the queue of each binding of ``exchange``."""
        answer = self._ask("GET", f"exchanges/{quote(vhost, safe='')}/{quote(exchange, safe='')}/bindings/source")
        return [str(binding["destination"]) for binding in answer.json()]

    def _ask(self, method: str, path: str, body: object = None) -> requests.Response:
        try:
            answer = requests.request(method, f"{self.management_url}api/{path}", json=body, timeout=30)
            answer.raise_for_status()
        except requests.RequestException as error:
            raise Unreachable(Reason.UNREACHABLE, f"management API, {method} {path}: {type(error).__name__}") from error
        return answer
