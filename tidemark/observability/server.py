"""The supervisor's HTTP endpoints.

`/healthz` says whether the supervisor itself is alive: what a liveness probe may restart.
`/readyz` says, connection by connection, whether the run can do its work now; 503 where not.
`/metrics` has the metrics of all processes, `/metrics/supervisor` and `/metrics/N` those of one.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Protocol

from tidemark.log import get_logger
from tidemark.observability.exposition import CONTENT_TYPE

if TYPE_CHECKING:
    from tidemark.observability.view import Health

JSON_TYPE = "application/json"
_REQUEST_TIMEOUT_S = 10.0


class View(Protocol):
    """What is to be seen of a run."""

    def health(self) -> Health:
        """Whether the supervisor is alive."""

    def readiness(self) -> Health:
        """Whether the run can do its work."""

    def metrics(self, process: str | None = None) -> bytes | None:
        """The metrics of all processes or of one; None where there is no such process."""


@contextmanager
def serving(view: View, host: str, port: int) -> Iterator[int | None]:
    """Serve a view and yield the port; None where it is taken: then that is logged, and no more.

    A run whose port is taken does its work; that nobody can look at it must not end it.
    """
    log = get_logger(__name__)
    try:
        server = _Server((host, port), _handler(view))
    except OSError as error:
        log.warning("http.unavailable", host=host, port=port, error=str(error))
        yield None
        return
    bound = int(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="http", daemon=True)
    thread.start()
    log.info("http.listening", host=host, port=bound)
    try:
        yield bound
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # The one before may still be in TIME_WAIT; a port that is listened on is refused all the same.
    allow_reuse_address = True


def _handler(view: View) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _REQUEST_TIMEOUT_S
        server_version = "tidemark"
        sys_version = ""

        def do_GET(self) -> None:
            status, kind, body = _response(view, self.path.partition("?")[0])
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None:
            get_logger(__name__).debug("http.request", line=format % args)

    return Handler


def _response(view: View, path: str) -> tuple[HTTPStatus, str, bytes]:
    if path in ("/healthz", "/readyz"):
        health = view.health() if path == "/healthz" else view.readiness()
        status = HTTPStatus.OK if health.ok else HTTPStatus.SERVICE_UNAVAILABLE
        return status, JSON_TYPE, json.dumps(health.content(), indent=2).encode() + b"\n"
    if path == "/metrics" or path.startswith("/metrics/"):
        text = view.metrics(path.removeprefix("/metrics").strip("/") or None)
        if text is not None:
            return HTTPStatus.OK, CONTENT_TYPE, text
    return HTTPStatus.NOT_FOUND, "text/plain", b"there are /healthz, /readyz and /metrics\n"
