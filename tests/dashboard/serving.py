"""A live page as a process of its own, and what it answers."""

from __future__ import annotations

import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.running import TIDEMARK, Running

REFRESH_S = 0.3


@dataclass(frozen=True)
class Page:
    """A page that is served at `url`."""

    url: str
    process: Running

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Return status and body of a request."""
        request = urllib.request.Request(f"{self.url}{path}", headers=dict(headers or {}))
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def json(self, path: str) -> Any:
        """Return what a question is answered with."""
        status, body = self.get(path)
        assert status == 200, body
        return json.loads(body)

    @contextmanager
    def events(self, view: str) -> Iterator[Iterator[dict[str, Any]]]:
        """Yield the events of a view, as they come."""
        host = self.url.removeprefix("http://")
        connection = http.client.HTTPConnection(host, timeout=20)
        connection.request("GET", f"/events/{view}")
        answer = connection.getresponse()
        assert answer.status == 200
        try:
            yield _events(answer)
        finally:
            answer.close()
            connection.close()


def _events(answer: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    while line := answer.readline():
        if line.startswith(b"data: "):
            yield json.loads(line[6:])


@contextmanager
def served(directory: Path, settings: Mapping[str, str], *arguments: str) -> Iterator[Page]:
    """Serve the page from a directory of its own, on a free port."""
    directory.mkdir(exist_ok=True)
    settings = {"DASHBOARD_REFRESH_INTERVAL": str(REFRESH_S), **settings}
    command = (*TIDEMARK, "dashboard", "--port=0", *arguments)
    with Running(command, directory, settings) as process:
        process.wait_until(lambda: address(process) is not None, 30.0, "the page's address")
        url = address(process)
        assert url is not None
        yield Page(url, process)


def address(process: Running) -> str | None:
    """Return where a page says that it listens."""
    found = re.search(r"live page: (http://\S+?)/$", process.log.read_text(), re.MULTILINE)
    return found[1] if found else None
