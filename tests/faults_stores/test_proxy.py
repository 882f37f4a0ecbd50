"""The fault proxy itself: each fault hits what it says, and healing ends it."""

from __future__ import annotations

import http.client
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.faults_stores.proxy import FaultProxy


class Echo(socketserver.BaseRequestHandler):
    """Sends back what comes, and tells the server how much came."""

    def handle(self) -> None:
        try:
            while data := self.request.recv(65_536):
                self.server.received += len(data)  # type: ignore[attr-defined]
                self.request.sendall(data)
        except ConnectionError:
            return


class EchoServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    received = 0


class Web(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append(body)  # type: ignore[attr-defined]
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


class WebServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Web)
        self.bodies: list[bytes] = []


@pytest.fixture
def echo() -> Iterator[EchoServer]:
    with EchoServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def proxy(echo: EchoServer) -> Iterator[FaultProxy]:
    with FaultProxy(echo.server_address[1]) as started:
        yield started


@pytest.fixture
def web_proxy(web: WebServer) -> Iterator[FaultProxy]:
    with FaultProxy(web.server_address[1]) as started:
        yield started


def connect(proxy: FaultProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), 10)


def exchange(client: socket.socket, data: bytes) -> bytes:
    """Send and read the echo, as much of it as comes before the connection ends."""
    answer = b""
    try:
        client.sendall(data)
        while len(answer) < len(data) and (chunk := client.recv(65_536)):
            answer += chunk
    except ConnectionError:
        pass
    return answer


def post(proxy: FaultProxy, body: bytes) -> tuple[int, bytes, str | None]:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
    try:
        connection.request("POST", "/", body)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.getheader("Retry-After")
    finally:
        connection.close()


def test_passes_everything_both_ways(proxy: FaultProxy) -> None:
    data = bytes(range(256)) * 4096
    with connect(proxy) as one, connect(proxy) as other:
        assert exchange(one, b"one") == b"one"
        results: list[bytes] = []
        thread = threading.Thread(target=lambda: results.append(exchange(other, data)))
        thread.start()
        thread.join(20)
    assert results == [data]
    assert proxy.requested_bytes == len(data) + 3


def test_refuses_until_it_is_healed_on_the_same_port(proxy: FaultProxy) -> None:
    port = proxy.port
    with connect(proxy) as client:
        assert exchange(client, b"before") == b"before"
        proxy.refuse()
        assert exchange(client, b"after") == b""
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)
    proxy.heal()
    assert proxy.port == port
    with connect(proxy) as client:
        assert exchange(client, b"again") == b"again"


def test_slows_down_by_delay_and_by_bandwidth(proxy: FaultProxy) -> None:
    with connect(proxy) as client:
        proxy.slow(delay_s=0.1)
        began = time.monotonic()
        assert exchange(client, b"x") == b"x"
        assert time.monotonic() - began >= 0.2  # there and back
        proxy.slow(bytes_per_s=40_000)
        began = time.monotonic()
        assert exchange(client, b"x" * 8000) == b"x" * 8000
        assert time.monotonic() - began >= 0.2
        proxy.heal()
        began = time.monotonic()
        exchange(client, b"x" * 8000)
        assert time.monotonic() - began < 0.2


def test_cuts_a_request_after_exactly_so_many_bytes(proxy: FaultProxy, echo: EchoServer) -> None:
    proxy.cut(after_bytes=1000, times=1)
    with connect(proxy) as client:
        assert len(exchange(client, b"x" * 5000)) <= 1000
    assert proxy.requested_bytes == 1000
    assert proxy.hits == 1
    assert echo.received <= 1000
    with connect(proxy) as client:
        assert exchange(client, b"x" * 5000) == b"x" * 5000


def test_cuts_an_answer_when_the_request_has_arrived(proxy: FaultProxy, echo: EchoServer) -> None:
    proxy.cut(after_bytes=10, direction="answers")
    for _ in range(2):
        with connect(proxy) as client:
            assert len(exchange(client, b"x" * 100)) <= 10
    assert echo.received == 200
    assert proxy.hits == 2


def test_a_fault_begins_after_so_many_bytes(proxy: FaultProxy, echo: EchoServer) -> None:
    with connect(proxy) as client:
        assert exchange(client, b"x" * 70) == b"x" * 70
        proxy.after(50, proxy.refuse)
        exchange(client, b"x" * 100)
    assert proxy.requested_bytes == 120
    assert echo.received <= 120
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)


def test_answers_in_the_place_of_the_server(web_proxy: FaultProxy, web: WebServer) -> None:
    web_proxy.answer(429, "slow down", {"Retry-After": "3"}, times=2)
    assert post(web_proxy, b"a") == (429, b"slow down", "3")
    assert post(web_proxy, b"b") == (429, b"slow down", "3")
    assert post(web_proxy, b"c") == (204, b"", None)
    assert web.bodies == [b"c"]
    assert web_proxy.hits == 2


def test_a_forwarded_request_is_carried_out_and_answered_wrongly(
    web_proxy: FaultProxy, web: WebServer
) -> None:
    web_proxy.answer(500, forward=True)
    assert post(web_proxy, b"x" * 200_000)[0] == 500
    assert web.bodies == [b"x" * 200_000]


def test_a_connection_that_is_kept_alive_gets_the_answer_too(web_proxy: FaultProxy) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", web_proxy.port, timeout=10)

    def status(body: bytes) -> int:
        connection.request("POST", "/", body)
        with connection.getresponse() as answer:
            return answer.status

    assert status(b"a") == 204
    web_proxy.answer(503)
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        status(b"b")
    connection.close()
    assert post(web_proxy, b"b")[0] == 503


def test_a_server_that_is_not_there_ends_the_connection(echo: EchoServer) -> None:
    port = echo.server_address[1]
    echo.shutdown()
    echo.server_close()
    with FaultProxy(port) as proxy, connect(proxy) as client:
        assert exchange(client, b"x") == b""
