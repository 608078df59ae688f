"""RabbitMQ's management API, as far as `declare` needs it."""

from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

import requests

from winnowry.runners.cluster.administration import Administration, Grant
from winnowry.runners.credentials import mask
from winnowry.schemas.errors import Terminal, Unreachable
from winnowry.schemas.reasons import Reason

PATIENCE = 30.0
"""Seconds to wait for an answer."""


class Management:
    """The management API at a URL with an administrator's name and password.

    Raises Unreachable where it does not answer, Terminal where it says no.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._session = requests.Session()
        self._session.auth = (unquote(parts.username or ""), unquote(parts.password or ""))
        self._base = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/") + "/api"

    def declare(self, wanted: Administration, passwords: Mapping[str, str | None]) -> list[str]:
        """Make what is not there, and give the rest its passwords and permissions. Returns what was done, a line each.

        A user without a password keeps the one that the broker has; a new one cannot log in until it gets one.
        """
        done = [] if wanted.vhost == "/" else [self._vhost(wanted.vhost)]
        done += [self._exchange(wanted.vhost, name) for name in wanted.exchanges]
        for grant in wanted.grants:
            done += [self._user(grant, passwords.get(grant.user)), self._permit(wanted.vhost, grant)]
        return done

    def _vhost(self, name: str) -> str:
        self._ask("PUT", "vhosts", name)
        return f"virtual host {name}"

    def _exchange(self, vhost: str, name: str) -> str:
        self._ask("PUT", "exchanges", vhost, name, body={"type": "topic", "durable": True})
        return f"exchange {name}"

    def _user(self, grant: Grant, password: str | None) -> str:
        if password is not None:
            self._ask("PUT", "users", grant.user, body={"password": password, "tags": grant.tags})
            return f"user {grant.user}: password set"
        if self._ask("GET", "users", grant.user, missing=True).status_code == requests.codes.ok:
            return f"user {grant.user}: password kept"
        self._ask("PUT", "users", grant.user, body={"password_hash": "", "tags": grant.tags})
        return f"user {grant.user}: made without a password, it cannot log in; put one into the credentials and declare again"

    def _permit(self, vhost: str, grant: Grant) -> str:
        patterns = {"configure": grant.configure, "write": grant.write, "read": grant.read}
        self._ask("PUT", "permissions", vhost, grant.user, body=patterns)
        return f"user {grant.user}: configure {grant.configure}  write {grant.write}  read {grant.read}"

    def _ask(self, method: str, *path: str, body: object = None, missing: bool = False) -> requests.Response:
        url = "/".join([self._base, *(quote(part, safe="") for part in path)])
        try:
            answer = self._session.request(method, url, json=body, timeout=PATIENCE)
        except requests.RequestException as error:
            raise Unreachable(Reason.UNREACHABLE, f"management API at {mask(self._base)}: {type(error).__name__}") from error
        if answer.ok or (missing and answer.status_code == requests.codes.not_found):
            return answer
        detail = f"management API, {method} {'/'.join(path)}: {answer.status_code} {_why(answer)}"
        raise Terminal(Reason.ACCESS_DENIED, detail)


def _why(answer: requests.Response) -> str:
    try:
        return str(answer.json().get("reason", answer.reason))
    except (ValueError, AttributeError):
        return str(answer.reason)
