"""Why an Arrival ended as it did: one closed list, shared by Reports, metrics, dead letters and the command line."""

from enum import Enum


class Reason(Enum):
    """A reason code: its text, the number that existing networks use for it, and how many attempts it deserves.

    ``patience`` is the number of attempts after which an Arrival with this reason is given up; 1 makes the reason Terminal.
    ``None`` leaves the number to the pump's own setting. Numbers follow sr3's ``known_report_codes``.

    >>> Reason.SIZE_MISMATCH.code, Reason.SIZE_MISMATCH.number, Reason.SIZE_MISMATCH.transient
    ('size_mismatch', 499, True)
    """

    # over, and well
    DONE = ("done", 201, 1)
    OPERATION_DONE = ("operation_done", 202, 1)
    KNOWN_CONTENT = ("known_content", 304, 1)

    # not over yet
    TRANSFER_UNDERWAY = ("transfer_underway", 206, None)
    TWIN_UNDERWAY = ("twin_underway", 307, None)
    TWIN_ELSEWHERE = ("twin_elsewhere", 307, None)
    WAITING = ("waiting", 307, None)

    # refused: the Post asks for what this pump does not do
    NOT_SELECTED = ("not_selected", 404, 1)
    QUEUE_NOT_READ = ("queue_not_read", 404, 1)
    SUPERSEDED = ("superseded", 406, 1)
    PATH_OUTSIDE_ROOT = ("path_outside_root", 422, 1)
    PATH_UNUSABLE = ("path_unusable", 422, 1)
    LINK_OUTSIDE_ROOT = ("link_outside_root", 422, 1)
    RENAME_OUTSIDE_ROOT = ("rename_outside_root", 422, 1)
    SCHEME_NOT_ALLOWED = ("scheme_not_allowed", 503, 1)
    TOO_LARGE = ("too_large", 413, 1)
    TOO_OLD = ("too_old", 504, 1)
    TOO_YOUNG = ("too_young", 425, 1)
    FROM_OURSELVES = ("from_ourselves", 417, 1)
    NO_DESTINATION = ("no_destination", 403, 1)
    PRIVATE_WITHOUT_EDGE = ("private_without_edge", 403, 1)
    UNSUPPORTED_OPERATION = ("unsupported_operation", 503, 1)
    UNSUPPORTED_BLOCKS = ("unsupported_blocks", 503, 1)
    UNEXPECTED_REPORT = ("unexpected_report", 417, 1)

    # malformed: the message is not one of the wire contracts
    BODY_UNREADABLE = ("body_unreadable", 417, 1)
    BODY_TOO_LARGE = ("body_too_large", 413, 1)
    FIELD_INVALID = ("field_invalid", 417, 1)
    VERSION_UNKNOWN = ("version_unknown", 417, 1)

    # failed, now or for good
    UNREACHABLE = ("unreachable", 503, None)
    TIMED_OUT = ("timed_out", 499, None)
    SERVER_ERROR = ("server_error", 499, None)
    TRUNCATED = ("truncated", 499, None)
    NOT_FOUND = ("not_found", 499, 3)
    GONE = ("gone", 410, 1)
    ACCESS_DENIED = ("access_denied", 499, 1)
    REDIRECTED_TOO_OFTEN = ("redirected_too_often", 499, 1)
    CERTIFICATE_INVALID = ("certificate_invalid", 499, None)
    SIZE_MISMATCH = ("size_mismatch", 499, 3)
    CHECKSUM_MISMATCH = ("checksum_mismatch", 499, 3)
    CHECKSUM_UNKNOWN = ("checksum_unknown", 503, 1)
    CONTENT_UNREADABLE = ("content_unreadable", 417, 1)
    DISK_FULL = ("disk_full", 503, None)
    DISK_ERROR = ("disk_error", 500, None)
    BROKER_REFUSED = ("broker_refused", 503, 1)
    SCAN_REJECTED = ("scan_rejected", 403, 1)
    BUG = ("bug", 500, 1)
    CRASHED = ("crashed", 500, 1)

    def __init__(self, code: str, number: int, patience: int | None) -> None:
        self.code = code
        self.number = number
        self.patience = patience

    @property
    def transient(self) -> bool:
        """Whether another attempt may end better."""
        return self.patience != 1

    @classmethod
    def of(cls, code: str) -> "Reason":
        """Return the reason with this code. Raises ValueError naming the code when there is none."""
        try:
            return _BY_CODE[code]
        except KeyError:
            raise ValueError(f"no reason has the code {code!r}") from None


_BY_CODE = {reason.code: reason for reason in Reason}
