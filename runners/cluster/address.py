"""URLs of the cluster file: what is one, and what must not be in it."""

import string
from urllib.parse import SplitResult, unquote, urlsplit

BROKER_SCHEMES = ("amqp", "amqps")
BASE_SCHEMES = ("http", "https", "sftp", "file")


def check_broker(url: str) -> str:
    """Return ``url``. Raises ValueError where it is no broker's, names no account, or holds a password.

    >>> check_broker("amqps://feeder@broker.example.org/")
    'amqps://feeder@broker.example.org/'
    """
    parts = _split(url)
    if parts.scheme not in BROKER_SCHEMES or not parts.hostname:
        raise ValueError("this is no broker's URL; write it as in amqps://feeder@broker.example.org/")
    if parts.password is not None:
        raise ValueError("a password does not belong in a cluster file; put this URL with it into the credentials file")
    if not parts.username:
        raise ValueError(f"the URL names no account; write it as in {parts.scheme}://feeder@{parts.hostname}/")
    return url


def check_base_url(url: str) -> str:
    """Return ``url``. Raises ValueError where nobody could fetch from it."""
    try:
        names = [name for _, name, _, _ in string.Formatter().parse(url) if name is not None]
    except ValueError as error:
        raise ValueError(f"{url!r} cannot be read: {error}") from None
    for name in names:
        if name != "host":
            raise ValueError(f"{{{name}}} is not known here; only {{host}}, this machine's name, is")
    parts = _split(url.replace("{host}", "host"))
    if parts.scheme not in BASE_SCHEMES:
        raise ValueError(f"{url!r} is no URL to fetch from; begin with {', '.join(f'{scheme}:' for scheme in BASE_SCHEMES)}")
    if parts.password is not None:
        raise ValueError("a password does not belong in a cluster file, and this URL is announced to everybody")
    return url


def check_management(url: str) -> str:
    """Return ``url``. Raises ValueError where it is no URL of a management API, or holds a password."""
    parts = _split(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or not parts.username:
        raise ValueError("this is no URL of a management API; write it as in http://admin@localhost:15672/")
    if parts.password is not None:
        raise ValueError("a password does not belong in a cluster file; put this URL with it into the credentials file")
    return url


def account_of(url: str) -> str:
    """Return the account that a broker's URL names.

    >>> account_of("amqp://feeder@localhost:5672/vhost")
    'feeder'
    """
    return unquote(urlsplit(url).username or "")


def vhost_of(url: str) -> str:
    """Return the virtual host that a broker's URL names.

    >>> vhost_of("amqp://feeder@localhost/"), vhost_of("amqp://feeder@localhost/relay")
    ('/', 'relay')
    """
    return unquote(urlsplit(url).path.removeprefix("/")) or "/"


def with_account(url: str, account: str) -> str:
    """Return a broker's URL for another account, without a password.

    >>> with_account("amqp://feeder@localhost/", "carol")
    'amqp://carol@localhost/'
    """
    parts = urlsplit(url)
    return parts._replace(netloc=f"{account}@{parts.netloc.rpartition('@')[2]}").geturl()


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:  # its text may hold a piece of a password
        raise ValueError("this is no URL: its host or port cannot be read") from None
    return parts
