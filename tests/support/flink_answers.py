"""Something that answers as Flink's REST interface does, where a whole Flink would only make a test slow."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

Answers = dict[str, tuple[int, Any]]
"""For each "METHOD path" a status and what is answered, as JSON unless it is text."""


@contextmanager
def answering(answers: Answers) -> Iterator[str]:
    """Yield the URL of a server that gives these answers, and 404 as Flink does to all else."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, told = answers.get(f"{self.command} {self.path}", (404, {"errors": [f"Not found: {self.path}"]}))
            body = (told if isinstance(told, str) else json.dumps(told)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = answer

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def job(name: str, *, number: int = 1, state: str = "RUNNING", began: float = 100.0, ended: float = -0.001) -> dict[str, Any]:
    """Return a job of ``/jobs/overview``; times in seconds."""
    times = {"start-time": int(began * 1000), "end-time": int(ended * 1000)}
    return {"jid": f"{number:032x}", "name": name, "state": state} | times
