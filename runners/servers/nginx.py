"""nginx over one folder, on loopback."""

import os
import shutil
import tempfile
from pathlib import Path

from winnowry.runners.servers.owned import Owned, require
from winnowry.runners.servers.ports import free_port
from winnowry.runners.servers.server import Server

_PROGRAM = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin") or "nginx"
PROGRAMS = {_PROGRAM: "nginx-light"}
"""What has to be installed, with the Debian package that has it."""

_CONFIGURATION = """\
{user}daemon off;
worker_processes 2;
pid "{folder}/nginx.pid";
error_log "{folder}/error.log" error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path "{folder}/body";
    proxy_temp_path "{folder}/proxy";
    fastcgi_temp_path "{folder}/fastcgi";
    uwsgi_temp_path "{folder}/uwsgi";
    scgi_temp_path "{folder}/scgi";
    types {{}}
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 1h;
    keepalive_requests 100000000;
    merge_slashes off;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        root "{root}";
    }}
}}
"""


class FileServer(Server):
    """Serves the files under ``root`` as ``url`` + their path, started by ``start`` or by entering its context.

    Names are served as they are on disk. After ``kill`` or ``stop`` it can be started again at the same address.
    """

    def __init__(self, root: Path, port: int | None = None) -> None:
        require(PROGRAMS)
        self.root = root.resolve()
        self.port = port or free_port()
        self._process: Owned | None = None
        self._folder: Path | None = None

    @property
    def url(self) -> str:
        """Where the root is served, with a slash at the end."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def running(self) -> bool:
        """Whether it is up."""
        return self._process is not None and self._process.running

    def start(self) -> None:
        """Start serving. Raises ConfigError or Unreachable when nginx does not come up."""
        folder = Path(tempfile.mkdtemp(prefix="winnowry-nginx-"))
        user = "user root;\n" if os.geteuid() == 0 else ""
        configuration = folder / "nginx.conf"
        configuration.write_text(_CONFIGURATION.format(user=user, folder=folder, port=self.port, root=self.root))
        command = [_PROGRAM, "-p", str(folder), "-c", str(configuration), "-e", str(folder / "error.log")]
        self._folder = folder
        self._process = Owned(command, log=folder / "nginx.log", scratch=folder)
        self._process.wait_for_port(self.port, seconds=20)

    def stop(self) -> None:
        """Stop serving, and wait until it has."""
        if self._process is not None:
            self._process.stop()
        self._clean()

    def kill(self) -> None:
        """Kill it at once, in the middle of whatever it sends."""
        if self._process is not None:
            self._process.kill()
        self._clean()

    def _clean(self) -> None:
        self._process = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
