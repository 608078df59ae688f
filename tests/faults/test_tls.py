"""What certificates do wrong: no byte is taken from a server that cannot prove who it is, and a renewed one heals it."""

import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from courses import Course, a_served_file, digests
from raw_servers import raw_server
from scripted import Script, serving

CONTENT = b"confidential" * 10_000
CA = trustme.CA()


def valid() -> trustme.LeafCert:
    return CA.issue_cert("127.0.0.1")


def expired() -> trustme.LeafCert:
    return CA.issue_cert("127.0.0.1", not_before=datetime(2020, 1, 1, tzinfo=UTC), not_after=datetime(2020, 2, 1, tzinfo=UTC))


def not_valid_yet() -> trustme.LeafCert:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    return CA.issue_cert("127.0.0.1", not_before=tomorrow, not_after=tomorrow + timedelta(days=1))


def of_another_name() -> trustme.LeafCert:
    return CA.issue_cert("127.0.0.2", "localhost")


def of_an_unknown_authority() -> trustme.LeafCert:
    return trustme.CA().issue_cert("127.0.0.1")


class Gate:
    """Speaks TLS with the certificate that it has at the time."""

    def __init__(self, certificate: trustme.LeafCert) -> None:
        self.knocks = 0
        self.change(certificate)

    def change(self, certificate: trustme.LeafCert) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(self._context)

    def __call__(self, connection: socket.socket) -> socket.socket:
        self.knocks += 1
        return self._context.wrap_socket(connection, server_side=True)


@pytest.fixture
def certificates(tmp_path: Path) -> str:
    """The file of the authority that the pump trusts."""
    CA.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return str(tmp_path / "ca.pem")


@pytest.mark.parametrize("certificate", [expired, not_valid_yet, of_another_name, of_an_unknown_authority])
def test_nothing_is_asked_of_a_server_whose_certificate_is_wrong_until_it_has_a_right_one(
    certificate: Callable[[], trustme.LeafCert], tmp_path: Path, certificates: str
) -> None:
    script, gate = Script(), Gate(certificate())
    script.plays("file", serving(CONTENT))
    with raw_server(script, guard=gate) as server, Course(tmp_path, certificates=certificates) as course:

        def watch() -> None:
            if gate.knocks == 1:
                gate.change(valid())

        course.announce(a_served_file(server.url.replace("http:", "https:"), "file", CONTENT))
        assert course.run(watch) == {"retried:certificate_invalid": 1, "announced:done": 1}
        assert (gate.knocks, script.asked["file"], course.shown()) == (2, 1, digests(file=CONTENT))
