import pycurl
import pytest

from winnowry.io.curl_errors import ERRORS, curl_error, status_error
from winnowry.schemas.errors import SourceRefused, SourceUnready, Transient, Unreachable
from winnowry.schemas.reasons import Reason

OTHER_WIRES = (
    "FTP_",
    "TFTP_",
    "LDAP_",
    "SSH",
    "TELNET_",
    "UNKNOWN_TELNET",
    "RTSP_",
    "REMOTE_",
    "FILE_COULDNT",
    "CONV_",
    "QUOTE_",
)
"""Codes of wires that are switched off here, and of uploads."""
NO_TRANSFER = {"OK", "MALFORMAT_USER", "BAD_PASSWORD_ENTERED", "HTTP_RETURNED_ERROR", "HTTP_NOT_FOUND"}
"""No failure, not in use since 2006, and told by the HTTP status."""


def codes() -> list[str]:
    names = [name.removeprefix("E_") for name in dir(pycurl) if name.startswith("E_") and not name.startswith("E_MULTI_")]
    return [name for name in names if not name.startswith(OTHER_WIRES) and name not in NO_TRANSFER]


@pytest.mark.parametrize("name", codes())
def test_every_failure_of_a_transfer_has_a_meaning(name: str) -> None:
    assert getattr(pycurl, f"E_{name}") in ERRORS


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("COULDNT_RESOLVE_HOST", Reason.UNREACHABLE),
        ("RECV_ERROR", Reason.UNREACHABLE),
        ("OPERATION_TIMEDOUT", Reason.TIMED_OUT),
        ("PARTIAL_FILE", Reason.TRUNCATED),
        ("FILESIZE_EXCEEDED", Reason.SIZE_MISMATCH),
        ("PEER_FAILED_VERIFICATION", Reason.CERTIFICATE_INVALID),
        ("TOO_MANY_REDIRECTS", Reason.REDIRECTED_TOO_OFTEN),
        ("URL_MALFORMAT", Reason.SCHEME_NOT_ALLOWED),
        ("UNSUPPORTED_PROTOCOL", Reason.SERVER_ERROR),
        ("FTP_WEIRD_SERVER_REPLY", Reason.SERVER_ERROR),
    ],
)
def test_failures_of_libcurl_in_our_words(name: str, reason: Reason) -> None:
    assert curl_error(getattr(pycurl, f"E_{name}"), "text").reason is reason


def test_failure_that_libcurl_has_not_had_yet_is_tried_again() -> None:
    assert isinstance(curl_error(31337, "news"), Unreachable)


def test_the_class_of_an_error_agrees_with_the_patience_of_its_reason() -> None:
    assert {error for error, reason in ERRORS.values() if issubclass(error, Transient) != reason.transient} == set()


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (404, SourceUnready, Reason.NOT_FOUND),
        (410, SourceRefused, Reason.GONE),
        (401, SourceRefused, Reason.ACCESS_DENIED),
        (403, SourceRefused, Reason.ACCESS_DENIED),
        (414, SourceRefused, Reason.ACCESS_DENIED),
        (408, SourceUnready, Reason.SERVER_ERROR),
        (416, SourceUnready, Reason.SERVER_ERROR),
        (429, SourceUnready, Reason.SERVER_ERROR),
        (500, SourceUnready, Reason.SERVER_ERROR),
        (503, SourceUnready, Reason.SERVER_ERROR),
        (204, SourceUnready, Reason.SERVER_ERROR),
        (206, SourceUnready, Reason.SERVER_ERROR),
        (304, SourceUnready, Reason.SERVER_ERROR),
    ],
)
def test_statuses_in_our_words(status: int, kind: type, reason: Reason) -> None:
    error = curl_error(pycurl.E_HTTP_RETURNED_ERROR, "", status)
    assert (type(error), error.reason) == (kind, reason)
    assert status_error(status).detail == f"HTTP status {status}"


def test_what_a_server_says_can_be_told_in_a_report() -> None:
    error = curl_error(pycurl.E_COULDNT_RESOLVE_HOST, "Could not resolve host: \udcff.invalid")
    assert error.detail == "Could not resolve host: ?.invalid"
