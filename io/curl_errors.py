"""What libcurl and HTTP servers say, in our words."""

import pycurl

from winnowry.schemas.errors import DiskTrouble, Mismatch, SourceRefused, SourceUnready, Terminal, Transient, Unreachable
from winnowry.schemas.reasons import Reason

_GROUPS: dict[tuple[type[Transient | Terminal], Reason], str] = {
    (Unreachable, Reason.UNREACHABLE): """
        COULDNT_CONNECT COULDNT_RESOLVE_HOST COULDNT_RESOLVE_PROXY GOT_NOTHING RECV_ERROR SEND_ERROR READ_ERROR HTTP2
        SSL_CONNECT_ERROR SSL_SHUTDOWN_FAILED NO_CONNECTION_AVAILABLE INTERFACE_FAILED HTTP_PORT_FAILED SEND_FAIL_REWIND AGAIN
        ABORTED_BY_CALLBACK CALL_MULTI_PERFORM ALREADY_COMPLETE""",
    (Unreachable, Reason.TIMED_OUT): "OPERATION_TIMEDOUT OPERATION_TIMEOUTED",
    (Unreachable, Reason.CERTIFICATE_INVALID): """
        PEER_FAILED_VERIFICATION SSL_CACERT SSL_CERTPROBLEM SSL_CIPHER SSL_CRL_BADFILE SSL_INVALIDCERTSTATUS SSL_ISSUER_ERROR
        SSL_PEER_CERTIFICATE SSL_PINNEDPUBKEYNOTMATCH SSL_CACERT_BADFILE SSL_ENGINE_INITFAILED SSL_ENGINE_NOTFOUND
        SSL_ENGINE_SETFAILED USE_SSL_FAILED""",
    (Mismatch, Reason.TRUNCATED): "PARTIAL_FILE",
    (Mismatch, Reason.SIZE_MISMATCH): "FILESIZE_EXCEEDED",
    (SourceUnready, Reason.SERVER_ERROR): """
        BAD_CONTENT_ENCODING RANGE_ERROR HTTP_RANGE_ERROR BAD_DOWNLOAD_RESUME HTTP_RETURNED_ERROR HTTP_NOT_FOUND
        HTTP_POST_ERROR CHUNK_FAILED UPLOAD_FAILED FTP_WEIRD_SERVER_REPLY""",
    (SourceRefused, Reason.REDIRECTED_TOO_OFTEN): "TOO_MANY_REDIRECTS",
    (SourceRefused, Reason.ACCESS_DENIED): "LOGIN_DENIED REMOTE_ACCESS_DENIED",
    (SourceRefused, Reason.SCHEME_NOT_ALLOWED): "UNSUPPORTED_PROTOCOL URL_MALFORMAT URL_MALFORMAT_USER NOT_BUILT_IN",
    (DiskTrouble, Reason.DISK_ERROR): """
        WRITE_ERROR OUT_OF_MEMORY FAILED_INIT BAD_FUNCTION_ARGUMENT BAD_CALLING_ORDER UNKNOWN_OPTION FUNCTION_NOT_FOUND
        LIBRARY_NOT_FOUND SHARE_IN_USE""",
}

TOO_LARGE = 100
"""What libcurl says of headers without end; pycurl has no name for it."""

ERRORS = {
    getattr(pycurl, f"E_{name}"): meaning
    for meaning, names in _GROUPS.items()
    for name in names.split()
    if hasattr(pycurl, f"E_{name}")
}
ERRORS[TOO_LARGE] = SourceUnready, Reason.SERVER_ERROR
"""Error class and Reason by the number that libcurl gives a failed transfer."""


def curl_error(number: int, text: str, status: int = 0) -> Transient | Terminal:
    """Return what a failed transfer means; ``status`` is the HTTP status, 0 where there was none.

    >>> curl_error(pycurl.E_COULDNT_CONNECT, "refused").reason.code
    'unreachable'
    """
    if number == pycurl.E_HTTP_RETURNED_ERROR:
        return status_error(status)
    text = text.encode(errors="replace").decode()  # it may quote the server, which may send what is no text
    if number == pycurl.E_UNSUPPORTED_PROTOCOL and not status:  # no redirect to another wire, but no HTTP in the answer
        return SourceUnready(Reason.SERVER_ERROR, text)
    error, reason = ERRORS.get(number, (Unreachable, Reason.UNREACHABLE))
    return error(reason, text)


def status_error(status: int) -> Transient | Terminal:
    """Return what an HTTP status other than 200 means.

    >>> [status_error(status).reason.code for status in (404, 410, 401, 429, 503)]
    ['not_found', 'gone', 'access_denied', 'server_error', 'server_error']
    """
    detail = f"HTTP status {status}"
    if status == 404:
        return SourceUnready(Reason.NOT_FOUND, detail)
    if status == 410:
        return SourceRefused(Reason.GONE, detail)
    if 400 <= status < 500 and status not in (408, 409, 416, 423, 425, 429):
        return SourceRefused(Reason.ACCESS_DENIED, detail)
    return SourceUnready(Reason.SERVER_ERROR, detail)
