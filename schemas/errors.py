"""What can go wrong, split by what the caller should do about it.

::

    WinnowryError
    ├── Transient            another attempt may end better
    │   ├── Unreachable          a broker or file server cannot be reached, or broke off
    │   ├── SourceUnready        the source's server answered, but not (yet) with the file
    │   ├── Mismatch             the bytes received are not the bytes announced
    │   └── DiskTrouble          our own disk is full or failing
    ├── Terminal             the same attempt would end the same way
    │   ├── Malformed            a message is not one of the wire contracts
    │   ├── Refused              a Post asks for what this pump does not do
    │   └── SourceRefused        the source's server says no for good
    └── ConfigError          a person has to change a setting

Every class carries a Reason; retry logic reads the class and the Reason, never the message.
"""

from winnowry.schemas.reasons import Reason


class WinnowryError(Exception):
    """The root of all errors raised by Winnowry on purpose."""


class _Reasoned(WinnowryError):
    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason.code}: {self.detail}" if self.detail else self.reason.code


class Transient(_Reasoned):
    """Another attempt may end better."""


class Unreachable(Transient):
    """A broker or file server cannot be reached, or broke off."""


class SourceUnready(Transient):
    """The source's server answered, but not (yet) with the file."""


class Mismatch(Transient):
    """The bytes received are not the bytes announced."""


class DiskTrouble(Transient):
    """Our own disk is full or failing."""


class Terminal(_Reasoned):
    """The same attempt would end the same way."""


class Malformed(Terminal):
    """A message is not one of the wire contracts."""


class Refused(Terminal):
    """A Post asks for what this pump does not do."""


class SourceRefused(Terminal):
    """The source's server says no for good."""


class ConfigError(WinnowryError):
    """A setting is wrong, and a person has to change it; the message names the place and the remedy."""
