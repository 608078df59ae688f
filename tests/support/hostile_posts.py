"""Hostile Posts that are well-formed: URLs, operations on files, and words that only others may say."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from hostile import (
    SMALL,
    Hostile,
    everywhere,
    landed,
    malformed,
    operated,
    passed,
    post,
    refused,
)


def urls() -> Iterator[Hostile]:
    """Yield what no base_url ought to be."""
    schemes = ("gopher://h/", "ftp://h/", "dict://h:11211/", "javascript:alert(1)", "data:,x", "ssh://h/", "scp:x", "x:")
    own_disk = (
        "file:/etc/",
        "file:///etc/",
        "FILE:/etc/",
        "file:",
        "file://localhost/etc/",
        "file:/etc/../etc/",
        "file:/%65tc/",
    )
    passwords = ("http://alice:secret@127.0.0.1:1/", "https://:secret@127.0.0.1:1/", "http://a:b@c@127.0.0.1:1/")
    urls = (*schemes, *own_disk, *passwords)
    yield from refused({f"baseUrl {url}": {"baseUrl": url} for url in urls}, "scheme_not_allowed")
    none = (
        "",
        "x",
        "http:",
        "http:h",
        "http:/h/",
        "http:///x",
        "http://",
        " http://h/",
        "http://h/ x",
        "http://h/\nX: y",
        "//h/",
    )
    yield from malformed({f"baseUrl {url!r}": {"baseUrl": url} for url in none})
    yield from refused({"baseUrl with CRLF": {"baseUrl": "http://h/\r\nHost: evil"}}, "path_unusable")
    yield from refused({"baseUrl with NUL": {"baseUrl": "http://h/\0"}}, "path_unusable")
    yield from refused({"baseUrl of a megabyte": {"baseUrl": "http://h/" + "x" * 900_000}}, "path_unusable")
    for url in (
        "http://[::1]:1/",
        "HTTP://127.0.0.1:1",
        "http://127.0.0.1:1/?q#f",
        "http://alice@127.0.0.1:1/",
        "https://127.0.0.1:1/",
    ):
        yield Hostile(name=f"baseUrl {url}", body=post(f"baseUrl {url}", baseUrl=url), ends=passed())
    for url in (
        "http://[::1/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:-1/",
        "http://127.0.0.1:x/",
        "http://[:::::]/",
    ):
        ends = passed(fetchers="failed:scheme_not_allowed")
        yield Hostile(name=f"baseUrl {url}", body=post(f"baseUrl {url}", baseUrl=url), ends=ends)
    unknown = passed(fetchers="refused:scheme_not_allowed")
    yield Hostile(name="baseUrl sftp://h/", body=post("baseUrl sftp://h/", baseUrl="sftp://h/"), ends=unknown)


def operations() -> Iterator[Hostile]:
    """Yield operations on files that reach out, and those that pumps do not do."""
    targets = ("/etc/passwd", "../../../x", "a/../../../x", "a/..", "..", "//x")
    for target in targets:
        yield from refused({f"link to {target}": {"fileOp": {"link": target}}}, "link_outside_root")
        yield from refused({f"hard link to {target}": {"fileOp": {"hlink": target}}}, "link_outside_root")
        yield from refused({f"moved from {target}": {"fileOp": {"rename": target}}}, "rename_outside_root")
        two = {f"moved, and a link to {target}": {"fileOp": {"rename": "old", "link": target}}}
        yield from refused(two | {f"a link, hard to {target}": {"fileOp": {"link": "b", "hlink": target}}}, "link_outside_root")
    for wrong in ("", 17, None, ["../x"], {"x": "../x"}, "e\0vil", "e" * 256):
        yield from refused({f"link to {wrong!r:.20}": {"fileOp": {"link": wrong}}}, "path_unusable")
    done = {
        "remove": {"remove": ""},
        "remove true": {"remove": True},
        "rmdir": {"remove": "", "directory": ""},
        "rmdir of C": {"rmdir": ""},
    }
    done |= {"move": {"rename": "odd"}, "hard link": {"hlink": "odd"}, "move a link": {"rename": "a", "link": "b"}}
    for name, operation in done.items():
        yield Hostile(name=name, body=post(name, f"planted/{name}", fileOp=operation), ends=operated())
    unknown = {"no operation": {}, "unknown operation": {"format": "/dev/sda"}}
    yield from refused({name: {"fileOp": operation} for name, operation in unknown.items()}, "unsupported_operation")
    linked = everywhere("announced:operation_done", subscribe="delivered:operation_done")
    yield Hostile(name="link within", body=post("link within", "a link", fileOp={"link": "odd"}), ends=linked, lands="a link")
    made = post("folder", "a folder", fileOp={"directory": "../../../evil"}, mode="7777")
    yield Hostile(name="folder", body=made, ends=linked)


def forged() -> Iterator[Hostile]:
    """Yield Posts that say of themselves what only others may say."""
    fields: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
        "source of somebody else": ({"source": "bob"}, landed()),
        "source above": ({"source": ".."}, landed(fed="refused:path_outside_root")),
        "source with a slash": ({"source": "a/b"}, landed(fed="malformed:field_invalid")),
        "source of nothing": ({"source": ""}, landed(fed="refused:path_unusable")),
        "cluster of ours": ({"from_cluster": "ddi.example.org"}, landed(fed="refused:from_ourselves")),
        "cluster above": ({"from_cluster": "../.."}, landed()),
        "origin of somebody else": ({"originPath": "bob/file"}, landed()),
        "for nobody": ({"to_clusters": "far.example.org"}, everywhere("refused:no_destination", subscribe="delivered:done")),
        "private": ({"private": True}, everywhere("refused:private_without_edge", subscribe="delivered:done")),
        "private fields": ({"_deleteOnPost": ["relPath"], "_foreign": {"relPath": "../x"}, "new_dir": "/etc"}, landed()),
        "bookkeeping": ({"winnowry_attempt": 99, "winnowry_queue": "q_x", "winnowry_exchange": "xpublic"}, landed()),
        "replay": ({"replayId": {"x": "\0"}}, landed()),
        "half of a move": ({"newname": "../x"}, everywhere("refused:unsupported_operation", relays="announced:done")),
    }
    for name, (said, ends) in fields.items():
        path = f"forged/{name}"
        yield Hostile(name=name, body=post(name, path, **SMALL, **said), ends=ends, lands=path)


def posts() -> Iterator[Hostile]:
    """Yield Posts that ask for what they ought not to."""
    yield from chain.from_iterable(group() for group in (urls, operations, forged))
