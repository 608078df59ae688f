"""How workers reach brokers: URLs travel without passwords, which each host has in a credentials file of its own."""

from dataclasses import dataclass
from pathlib import Path

from winnowry.io.amqp import AmqpSettings
from winnowry.runners.credentials import read_credentials


@dataclass(frozen=True, kw_only=True)
class Access:
    """URLs without passwords, tried in turn. ``credentials`` is the file that has them; None means the default one, if any.

    What is in a pipeline lies in Flink's storage for others to read: no password may be there.
    """

    urls: tuple[str, ...]
    credentials: Path | None = None

    def settings(self, name: str) -> AmqpSettings:
        """Return how to connect from this host. Raises ConfigError where a password is not known here."""
        known = read_credentials(self.credentials)
        return AmqpSettings(urls=tuple(known.require(url) for url in self.urls), name=name)
