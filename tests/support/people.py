"""People to be told: an SMTP server and a webhook of the tests, which remember what they got."""

from __future__ import annotations

import email
import json
import re
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_ID = re.compile(r"^id: (.*)$", re.MULTILINE)
_STATE = re.compile(r"^rule: .*, (began|ended)$", re.MULTILINE)


class People:
    """What came, in order. While `away` is true nothing is taken."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.away = False
        self.slow_s = 0.0
        self.url = ""
        self._hold_at: int | None = None
        self._held, self._release = threading.Event(), threading.Event()
        self._lock = threading.Lock()

    def take(self, text: str) -> bool:
        """Take a message in; tell whether it was taken."""
        time.sleep(self.slow_s)
        with self._lock:
            held = self._hold_at is not None and len(self.got) >= self._hold_at
            if not (held or self.away):
                self.got.append(text)
        if held:
            self._held.set()
            self._release.wait(60)
        return not (held or self.away)

    def hold_at(self, count: int) -> None:
        """After so many messages keep who brings the next one waiting, and then not take it."""
        self._held.clear()
        self._release.clear()
        self._hold_at = count

    def wait_until_held(self, timeout_s: float = 60.0) -> None:
        """Return when somebody is kept waiting: all messages before have been dealt with."""
        assert self._held.wait(timeout_s), f"{len(self.got)} messages came"

    def let_go(self) -> None:
        """Send whoever waits away, and take what comes from now on."""
        self._hold_at = None
        self._release.set()

    def told(self) -> list[tuple[str, str]]:
        """Return id and state of every single alert that messages told of; fails for a digest."""
        found = []
        with self._lock:
            texts = list(self.got)
        for text in texts:
            identity, state = _ID.search(text), _STATE.search(text)
            assert identity is not None, text
            assert state is not None, text
            found.append((identity[1], {"began": "begin", "ended": "end"}[state[1]]))
        return found

    def wait_for(self, count: int, timeout_s: float = 60.0) -> None:
        """Return when so many messages have come."""
        deadline = time.monotonic() + timeout_s
        while len(self.got) < count:
            assert time.monotonic() < deadline, f"{len(self.got)} of {count} messages came"
            time.sleep(0.02)


@contextmanager
def webhook(host: str = "127.0.0.1") -> Iterator[People]:
    """Listen for JSON at `url`, an Apprise URL with a password in it."""
    people = People()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            content: dict[str, Any] = json.loads(body)
            taken = people.take(f"{content['title']}\n{content['message']}")
            self.send_response(200 if taken else 503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((host, 0), Handler)
    server.daemon_threads = True
    people.url = f"json://hook:open-sesame@{host}:{server.server_port}/alerts"
    with _serving(server):
        yield people


@contextmanager
def mailbox() -> Iterator[People]:
    """Listen for mail at `url`, an Apprise URL."""
    people = People()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say(220, "tests")
            while line := self.rfile.readline():
                verb = line.split()[0].upper() if line.split() else b""
                if verb == b"DATA":
                    self._say(354, "go on")
                    taken = people.take(_text(self._data()))
                    self._say(*((250, "taken") if taken else (451, "try again later")))
                elif verb == b"QUIT":
                    self._say(221, "bye")
                    return
                else:
                    self._say(250, "ok")

        def _data(self) -> bytes:
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
            return b"".join(lines)

        def _say(self, code: int, text: str) -> None:
            self.wfile.write(f"{code} {text}\r\n".encode())

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    port = server.server_address[1]
    people.url = (
        f"mailto://127.0.0.1:{port}?mode=insecure&from=tidemark@example.com"
        "&to=people@example.com&format=text"
    )
    with _serving(server):
        yield people


def _text(data: bytes) -> str:
    message: Message = email.message_from_bytes(data, policy=default)
    parts = [part for part in message.walk() if part.get_content_type() == "text/plain"]
    body = parts[0].get_payload(decode=True)
    assert isinstance(body, bytes)
    return f"{message['subject']}\n{body.decode()}".replace("\r\n", "\n")


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
