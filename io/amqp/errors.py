"""What the AMQP library and the broker say, in our words."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from pika import exceptions
from pika.adapters.utils import connection_workflow

from winnowry.schemas.errors import Malformed, Terminal, Transient, Unreachable
from winnowry.schemas.reasons import Reason

_BY_CODE = {
    403: Reason.ACCESS_DENIED,
    404: Reason.NOT_FOUND,
    406: Reason.BROKER_REFUSED,
    530: Reason.ACCESS_DENIED,
}
_CLOSED = (exceptions.ChannelClosed, exceptions.ConnectionClosed)
_DENIED = (exceptions.ProbableAuthenticationError, exceptions.ProbableAccessDeniedError, exceptions.AuthenticationError)
_UNSENDABLE = (
    exceptions.ShortStringTooLong,
    exceptions.UnsupportedAMQPFieldException,
    exceptions.InvalidFieldTypeException,
)
_FOREIGN = (
    exceptions.AMQPError,
    exceptions.ChannelError,
    exceptions.ReentrancyError,
    connection_workflow.AMQPConnectorException,
    OSError,
)


def translate(error: BaseException) -> Transient | Terminal:
    """Return our error for one of pika's, or for what the operating system says of a connection."""
    if isinstance(error, _CLOSED):
        return _closed(error.reply_code, error.reply_text)
    if isinstance(error, _DENIED):
        return Terminal(Reason.ACCESS_DENIED, "the broker does not accept this user, password or virtual host")
    if isinstance(root(error), ssl.SSLCertVerificationError):
        return Terminal(Reason.CERTIFICATE_INVALID, str(root(error)))
    if isinstance(error, _UNSENDABLE):
        return Malformed(Reason.FIELD_INVALID, f"{type(error).__name__}: a key, header or name does not fit into AMQP")
    return Unreachable(Reason.UNREACHABLE, describe(error))


def describe(error: BaseException) -> str:
    """Return what happened in one line.

    >>> describe(connection_workflow.AMQPConnectorSocketConnectError(ConnectionRefusedError(111, "Connection refused")))
    'Connection refused'
    """
    cause = root(error)
    return (cause.strerror if isinstance(cause, OSError) else None) or str(cause) or type(cause).__name__


def root(error: BaseException) -> BaseException:
    """Return the cause at the bottom of pika's wrappings."""
    causes = (*getattr(error, "exceptions", ()), getattr(error, "exception", None), *error.args)
    inner = [cause for cause in causes if isinstance(cause, BaseException)]
    return root(inner[-1]) if inner else error


@contextmanager
def translated() -> Iterator[None]:
    """Raise our errors in place of pika's."""
    try:
        yield
    except _FOREIGN as error:
        raise translate(error) from error


def _closed(code: int, text: str) -> Transient | Terminal:
    reason = _BY_CODE.get(code)
    return Terminal(reason, text) if reason is not None else Unreachable(Reason.UNREACHABLE, f"{code} {text}")
