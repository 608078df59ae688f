import ssl

import pytest
from pika import exceptions
from pika.adapters.utils import connection_workflow

from winnowry.io.amqp.errors import translate, translated
from winnowry.schemas.errors import Malformed, Terminal, Transient, Unreachable

ARGUMENTS: dict[type[Exception], tuple[object, ...]] = {
    exceptions.UnroutableError: ([],),
    exceptions.NackError: ([],),
    connection_workflow.AMQPConnectorSocketConnectError: (OSError(),),
    connection_workflow.AMQPConnectorTransportSetupError: (OSError(),),
    connection_workflow.AMQPConnectorAMQPHandshakeError: (OSError(),),
    connection_workflow.AMQPConnectionWorkflowFailed: ([OSError()],),
    connection_workflow.AMQPConnectorPhaseErrorBase: (OSError(),),
}
FOREIGN = [
    value
    for module in (exceptions, connection_workflow)
    for value in vars(module).values()
    if isinstance(value, type) and issubclass(value, Exception)
]


def make(kind: type[Exception]) -> Exception:
    closed = issubclass(kind, exceptions.ChannelClosed | exceptions.ConnectionClosed)
    return kind(*((504, "closed") if closed else ARGUMENTS.get(kind, ("what it says",))))


@pytest.mark.parametrize("kind", FOREIGN, ids=lambda kind: kind.__name__)
def test_every_error_of_the_library_becomes_one_of_ours(kind: type[Exception]) -> None:
    with pytest.raises((Transient, Terminal)), translated():
        raise make(kind)


@pytest.mark.parametrize(("code", "reason"), [(403, "access_denied"), (404, "not_found"), (406, "broker_refused")])
def test_what_the_broker_denies_is_terminal(code: int, reason: str) -> None:
    error = translate(exceptions.ChannelClosedByBroker(code, "no"))
    assert (type(error), error.reason.code, error.detail) == (Terminal, reason, "no")


def test_a_broker_that_goes_away_is_unreachable() -> None:
    error = translate(exceptions.ConnectionClosedByBroker(320, "CONNECTION_FORCED"))
    assert (type(error), error.detail) == (Unreachable, "320 CONNECTION_FORCED")


def test_a_certificate_that_cannot_be_verified_is_terminal() -> None:
    wrapped = connection_workflow.AMQPConnectorTransportSetupError(ssl.SSLCertVerificationError(1, "self-signed"))
    assert translate(connection_workflow.AMQPConnectionWorkflowFailed([wrapped])).reason.code == "certificate_invalid"


def test_what_does_not_fit_into_amqp_is_malformed() -> None:
    assert type(translate(exceptions.ShortStringTooLong(b"x" * 300))) is Malformed
