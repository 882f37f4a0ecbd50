"""The page's process: where it listens, whom it lets in, how it ends."""

from __future__ import annotations

import http.client
import signal
import socket
import time
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.dashboard.serving import Page, served
from tests.support.running import TIDEMARK, run

TOKEN = "a long and secret token"


def test_another_address_without_a_token_is_refused(tmp_path: Path) -> None:
    done = run((*TIDEMARK, "dashboard", "--host=0.0.0.0"), tmp_path, {})
    assert done.code == 2
    assert "without a token" in done.stderr
    assert "DASHBOARD_TOKEN" in done.stderr


def test_a_port_that_is_taken_is_told_or_left(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run((*TIDEMARK, "dashboard", f"--port={port}"), tmp_path, {})
        assert done.code == 1
        assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
        settings = {"DASHBOARD_PORT": str(port)}
        command = (f"--port={port}", "--any-port")
        with served(tmp_path / "page", settings, *command) as page:
            assert page.get("/healthz")[0] == 200
            assert not page.url.endswith(f":{port}")


def test_no_store_that_can_be_read_is_told(tmp_path: Path) -> None:
    done = run((*TIDEMARK, "dashboard"), tmp_path, {"TIDEMARK_DOCUMENTS__URLS": "null:"})
    assert done.code == 1
    assert "names no store that can be read" in done.stderr


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> object:
    with served(tmp_path_factory.mktemp("page"), {}) as page:
        yield page


def test_healthz_answers_though_there_is_no_store(page: Page) -> None:
    health = page.json("/healthz")
    assert health["status"] == "ok"
    assert health["store"] == "unreachable"


def test_a_name_that_is_not_loopback_gets_no_answer(page: Page) -> None:
    status, body = page.get("/", {"Host": "evil.example"})
    assert status == 421
    assert "localhost only" in body
    assert page.get("/", {"Host": "localhost:8050"})[0] == 200


def test_every_answer_carries_the_security_headers(page: Page) -> None:
    connection = http.client.HTTPConnection(page.url.removeprefix("http://"), timeout=10)
    for path in ("/", "/static/app.js", "/healthz", "/nothing", "/api/history/nothing?from=0&to=1"):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "server" not in answer.headers
    connection.close()


def test_nothing_outside_the_static_files_is_served(page: Page) -> None:
    for path in ("/static/../server.py", "/static/%2e%2e/server.py", "/static/..%2fserver.py"):
        assert page.get(path)[0] == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/events/nothing", 404),
        ("/api/key/user", 400),
        ("/api/key/robot?id=1", 400),
        ("/api/history/interactions", 400),
        ("/api/history/interactions?from=5&to=5", 400),
        ("/api/history/interactions?from=0&to=1e9", 400),
        ("/api/history/robots?from=0&to=10", 400),
        ("/api/key/user?id=u1", 503),
    ],
)
def test_questions_that_make_no_sense_are_refused(page: Page, path: str, status: int) -> None:
    found, body = page.get(path)
    assert found == status
    assert '"error"' in body


def test_nobody_gets_in_without_the_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN + "\n")
    settings = {"DASHBOARD_TOKEN_FILE": str(tmp_path / "token"), "DASHBOARD_HOST": "0.0.0.0"}
    with served(tmp_path / "page", settings) as page:
        url = page.url.replace("0.0.0.0", "127.0.0.1")
        page = Page(url, page.process)
        assert page.get("/healthz")[0] == 200
        for path in ("/events/now", "/api/keys/user?from=u", "/static/app.js"):
            assert page.get(path)[0] == 401
        assert "Token of this page" in page.get("/")[1]
        for wrong in ("", "a long and secret toke", TOKEN + "s", "ü"):
            assert page.get("/static/app.js", {"Authorization": f"Bearer {wrong}"})[0] == 401
        assert page.get("/static/app.js", {"Authorization": f"Bearer {TOKEN}"})[0] == 200
        assert sign_in(url, "wrong") == (303, "/sign-in?wrong", None)
        status, where, cookie = sign_in(url, TOKEN)
        assert (status, where) == (303, "/")
        assert cookie is not None
        assert TOKEN not in cookie
        assert {"HttpOnly", "SameSite=strict"} <= set(cookie.split("; "))
        held = {"Cookie": cookie.split(";")[0]}
        assert page.get("/static/app.js", held)[0] == 200
        # A name of one's own, behind a proxy for example.
        assert page.get("/static/app.js", {**held, "Host": "stats.example"})[0] == 200
        assert page.get("/static/app.js", {"Cookie": "tidemark_session=guess"})[0] == 401
        assert TOKEN not in page.process.log.read_text()


def sign_in(url: str, token: str) -> tuple[int, str | None, str | None]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/sign-in", urlencode({"token": token}), form)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.headers["location"], answer.headers["set-cookie"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_it_ends_cleanly_and_soon_while_pages_are_open(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    with served(tmp_path, {}) as page, page.events("now") as events:
        next(events)
        began = time.monotonic()
        page.process.process.send_signal(number)
        assert page.process.process.wait(20) == code
        assert list(events) is not None
        assert time.monotonic() - began < 15
        assert "Traceback" not in page.process.log.read_text()
