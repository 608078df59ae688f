"""How a broker is reached."""

import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

import pika

from winnowry.schemas.errors import ConfigError

_SCHEMES = ("amqp", "amqps")


@dataclass(frozen=True, kw_only=True, repr=False)
class AmqpSettings:
    """Where a broker is, and how patient we are with it.

    ``urls`` are tried in turn, each ``amqp://user:password@host:port/vhost`` or ``amqps://…`` (TLS, verified with the system's
    certificates or with those of ``ca_file``). ``heartbeat`` is in seconds; ``name`` is what the broker's operator sees.
    ``patience`` is how many seconds a call that needs an answer waits for it; ``retry_ceiling`` is the longest pause, in
    seconds, between two attempts to connect. What was declared is declared again every ``renewal`` seconds, at most, so that
    what somebody deleted comes back. Raises ConfigError when a URL cannot be read.

    >>> AmqpSettings(urls=("amqp://alice:secret@localhost:5673/",))
    AmqpSettings('amqp://alice@localhost:5673/')
    """

    urls: tuple[str, ...]
    heartbeat: int = 30
    ca_file: str | None = None
    name: str = "winnowry"
    patience: float = 15.0
    retry_ceiling: float = 2.0
    renewal: float = 10.0

    def __post_init__(self) -> None:
        if not self.urls:
            raise ConfigError("a broker needs at least one URL, such as amqp://user@host/")
        for url in self.urls:
            _check(url)
        self._context()

    def __repr__(self) -> str:
        return f"AmqpSettings({', '.join(repr(without_password(url)) for url in self.urls)})"

    def parameters(self, attempt: int) -> pika.URLParameters:
        """Return pika's parameters for this attempt to connect; attempts go through the URLs in turn."""
        url = self.urls[attempt % len(self.urls)]
        parameters = pika.URLParameters(url)
        parameters.heartbeat = self.heartbeat
        parameters.connection_attempts = 1
        parameters.socket_timeout = parameters.stack_timeout = self.patience
        parameters.client_properties = {"connection_name": self.name, "product": "winnowry"}
        if parameters.ssl_options is not None:
            parameters.ssl_options = pika.SSLOptions(self._context(), parameters.host)
        return parameters

    def _context(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise ConfigError(f"ca_file: {self.ca_file} cannot be used: {error}") from error


def without_password(url: str) -> str:
    """Return a URL that may be shown.

    >>> without_password("amqps://alice:secret@broker.example.org/")
    'amqps://alice@broker.example.org/'
    """
    scheme, separator, rest = url.partition("://")
    userinfo, at, place = rest.rpartition("@")
    return scheme + separator + userinfo.partition(":")[0] + at + place


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0 and bool(pika.URLParameters(url))
    except (ValueError, TypeError, SyntaxError):  # what pika says of an account without a password, or of options
        usable = False
    if not usable:
        raise ConfigError(
            f"{without_password(url)!r} is not a broker's URL; one looks like amqp://user:password@host:5672/vhost"
        )
