"""A small HTTP service for a supervisor to run: ``python -m evals.target.service --port N``. Stdlib only.

``GET /health`` says 200, or 503 while it is faulty. ``POST /fault`` makes this process faulty until it is
started again; while ``--fault-file`` exists every process of it is faulty; ``--die-after-s`` ends it.
"""

import argparse
import json
import os
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class ServiceServer(ThreadingHTTPServer):
    """The service and whether it is well."""

    daemon_threads = True

    def __init__(self, port: int, name: str, fault_file: Path | None) -> None:
        """Listen on loopback only."""
        super().__init__(("127.0.0.1", port), Handler)
        self.name, self.fault_file = name, fault_file
        self.started_at = int(time.time())
        self.faulty = False

    def is_well(self) -> bool:
        """Neither this process nor its flag says otherwise."""
        return not self.faulty and not (self.fault_file and self.fault_file.exists())


class Handler(BaseHTTPRequestHandler):
    """Health, and the switch that takes it away."""

    server: ServiceServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is the library's
        """Write requests to stdout, where the supervisor keeps them."""
        print(self.log_date_time_string(), format % args, flush=True)

    def do_GET(self) -> None:
        """Answer ``/health``."""
        if self.path != "/health":
            self._reply(HTTPStatus.NOT_FOUND, {"error": "no such path"})
        elif self.server.is_well():
            self._reply(HTTPStatus.OK, {"status": "ok"})
        else:
            self._reply(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "faulty"})

    def do_POST(self) -> None:
        """Become faulty at ``/fault``."""
        if self.path != "/fault":
            self._reply(HTTPStatus.NOT_FOUND, {"error": "no such path"})
            return
        self.server.faulty = True
        print("ERROR lost the connection pool; every request fails until a restart", flush=True)
        self._reply(HTTPStatus.OK, {"status": "faulty"})

    def _reply(self, status: HTTPStatus, body: dict[str, Any]) -> None:
        known = {"service": self.server.name, "pid": os.getpid(), "started_at": self.server.started_at}
        raw = json.dumps({**known, **body}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--name", default="service")
    parser.add_argument("--fault-file", type=Path)
    parser.add_argument("--die-after-s", type=float)
    options = parser.parse_args()
    server = ServiceServer(options.port, options.name, options.fault_file)
    print(f"{options.name} listens on {server.server_port}, pid {os.getpid()}", flush=True)
    if options.die_after_s is not None:
        threading.Timer(options.die_after_s, _die).start()
    server.serve_forever()


def _die() -> None:
    print("FATAL out of memory", file=sys.stderr, flush=True)
    os._exit(3)


if __name__ == "__main__":
    main()
