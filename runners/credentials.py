"""Passwords: where they are found, and how they are kept out of everything that is printed."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from winnowry.schemas.errors import ConfigError

_USERINFO = re.compile(r"(?P<before>[A-Za-z][A-Za-z0-9+.-]*://[^\s/@:]*):.*@")
_SETTING = re.compile(r"(?P<before>\b\w*(?:password|secret|token)[\"']?\s*[:=]\s*)[^\s,}][^,}\n]*", re.IGNORECASE)


def mask(text: str) -> str:
    """Return ``text`` with the passwords of URLs and settings in it replaced, and rather too much of a line than too little.

    >>> mask("cannot reach amqps://alice:wonder/land@host/ today")
    'cannot reach amqps://alice:***@host/ today'
    >>> mask("{password: wonderland, role: source}")
    '{password: ***, role: source}'
    """
    return _SETTING.sub(r"\g<before>***", _USERINFO.sub(r"\g<before>:***@", text))


@dataclass(frozen=True)
class Credentials:
    """Passwords by URL as in sr3's ``credentials.conf``, then by user from ``WINNOWRY_PASSWORD_<USER>``."""

    urls: tuple[str, ...] = ()
    environment: Mapping[str, str] | None = None

    def __repr__(self) -> str:
        return f"Credentials(of {len(self.urls)} URLs)"

    def complete(self, url: str) -> str:
        """Return ``url`` with the password that belongs to it, or as it is when none is known or it has one already.

        >>> Credentials(urls=("amqp://alice:pw@host:5672/",)).complete("amqp://alice@host/")
        'amqp://alice:pw@host/'
        """
        asked = urlsplit(url)
        if asked.password is not None or not asked.username:
            return url
        password = self._of_url(url) or self._of_environment(unquote(asked.username))
        if password is None:
            return url
        host = asked.netloc.rpartition("@")[2]
        return urlunsplit(asked._replace(netloc=f"{asked.username}:{quote(password, safe='')}@{host}"))

    def require(self, url: str) -> str:
        """Return ``url`` with its password. Raises ConfigError, saying where to put it, when none is known."""
        completed = self.complete(url)
        parts = urlsplit(completed)
        if parts.password is None:
            user = unquote(parts.username or "")
            raise ConfigError(
                f"no password is known for {user} at {parts.hostname}; "
                f"put the URL with it into the credentials file, or the password into {_variable(user)}"
            )
        return completed

    def password(self, user: str, server: str) -> str | None:
        """Return the password of ``user`` at the server of the URL ``server``, or None."""
        parts = urlsplit(server)
        host = parts.netloc.rpartition("@")[2]
        found = urlsplit(self.complete(urlunsplit(parts._replace(netloc=f"{quote(user, safe='')}@{host}")))).password
        return unquote(found) if found is not None else None

    def _of_url(self, url: str) -> str | None:
        server, path = _identity(url)
        found = {}
        for candidate in reversed(self.urls):
            password = urlsplit(candidate).password
            if password is not None and _identity(candidate)[0] == server:
                found[_identity(candidate)[1]] = unquote(password)
        return found.get(path, found.get(""))

    def _of_environment(self, user: str) -> str | None:
        return (os.environ if self.environment is None else self.environment).get(_variable(user))


def _variable(user: str) -> str:
    return "WINNOWRY_PASSWORD_" + re.sub(r"[^A-Z0-9]", "_", user.upper())


def without_password(url: str, credentials: Credentials) -> tuple[str, Credentials]:
    """Return ``url`` without its password, and credentials that know it: for URLs that were typed on the command line.

    >>> without_password("amqp://anonymous:anonymous@host/", Credentials())
    ('amqp://anonymous@host/', Credentials(of 1 URLs))
    """
    parts = urlsplit(url)
    if parts.password is None:
        return url, credentials
    host = parts.netloc.rpartition("@")[2]
    bare = urlunsplit(parts._replace(netloc=f"{parts.username}@{host}"))
    return bare, replace(credentials, urls=(url, *credentials.urls))


_PORTS = {"amqp": 5672, "amqps": 5671, "http": 80, "https": 443, "sftp": 22, "ftp": 21}


def _identity(url: str) -> tuple[tuple[str, str, str, int | None], str]:
    parts = urlsplit(url)
    port = parts.port or _PORTS.get(parts.scheme)
    return (parts.scheme, unquote(parts.username or ""), parts.hostname or "", port), parts.path.strip("/")


def default_file(environment: Mapping[str, str]) -> Path:
    """Return where credentials are looked for when nobody says where: ``$XDG_CONFIG_HOME/winnowry/credentials.conf``."""
    home = environment.get("XDG_CONFIG_HOME") or str(Path(environment.get("HOME", "~")).expanduser() / ".config")
    return Path(home) / "winnowry" / "credentials.conf"


def read_credentials(file: Path | None) -> Credentials:
    """Read a credentials file: one URL with its password a line, options after a blank (sr3's format; options are not used).

    Without ``file`` the default one is read if it is there. Raises ConfigError for an unreadable file or line.
    """
    chosen = file if file is not None else default_file(os.environ)
    if file is None and not chosen.exists():
        return Credentials()
    try:
        lines = chosen.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{chosen}: cannot read the credentials: {getattr(error, 'strerror', None) or 'not text'}") from error
    return Credentials(urls=tuple(_urls(chosen, lines)))


def _urls(file: Path, lines: list[str]) -> list[str]:
    urls = []
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if not _readable(words[0]):
            raise ConfigError(f"{file}:{number}:1: this is no URL; write one a line, as in amqps://user:password@host/")
        urls.append(words[0])
    return urls


def _readable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is no number
        return bool(parts.scheme and parts.hostname)
    except ValueError:
        return False
