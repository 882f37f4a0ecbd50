"""A TCP proxy that is down, slow, cuts connections, or answers HTTP in its server's place.

Faults are set and healed at run time, from any thread. `after` begins one when so many bytes of
requests have passed: in the middle of a batch, at the same place in every run.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Self

Direction = Literal["requests", "answers"]

_CHUNK_BYTES = 65_536
_TIMEOUT_S = 30.0
_STEP_S = 0.02
"""A limited bandwidth is kept in steps of so long."""
_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class _Slow:
    delay_s: float
    bytes_per_s: float


@dataclass(frozen=True, slots=True)
class _Cut:
    direction: Direction
    after_bytes: int


@dataclass(frozen=True, slots=True)
class _Answer:
    response: bytes
    forward: bool


_Fault = _Slow | _Cut | _Answer


@dataclass(eq=False, slots=True)
class _Connection:
    """A client and its server, and what has passed between them since the fault began."""

    client: socket.socket
    server: socket.socket
    passed: dict[Direction, int] = field(default_factory=lambda: {"requests": 0, "answers": 0})

    def reset(self) -> None:
        """End it at once: unsent bytes are dropped and the peers see a reset."""
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class FaultProxy:
    """Stands at `port` on loopback between a client and the server at `target_port`.

    `hits` counts what the fault has hit: cut connections, answered requests. `requested_bytes` has
    passed from clients to the server.
    """

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._lock = threading.RLock()
        self._fault: _Fault | None = None
        self._times_left: int | None = None
        self._armed: tuple[int, Callable[[], None]] | None = None
        self._connections: set[_Connection] = set()
        self._listener: socket.socket | None = None
        self._threads: list[threading.Thread] = []
        self.port = 0
        self.hits = 0
        self.requested_bytes = 0

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._armed = self._fault = None
            self._shut()
        for thread in self._threads:
            thread.join(_TIMEOUT_S)
            assert not thread.is_alive(), "a thread of the proxy does not end"

    def heal(self) -> None:
        """Let everything pass from now on."""
        with self._lock:
            self._armed = self._fault = None
            if self._listener is None:
                self._listen()

    def refuse(self) -> None:
        """Be down: reset what is open, refuse what comes."""
        with self._lock:
            self._fault = None
            self._shut()

    def slow(self, delay_s: float = 0.0, bytes_per_s: float = 0.0) -> None:
        """Hold each piece up by `delay_s`, and by its size at `bytes_per_s` (0: no limit)."""
        self._set(_Slow(delay_s, bytes_per_s))

    def cut(
        self, after_bytes: int, direction: Direction = "requests", times: int | None = None
    ) -> None:
        """Reset a connection when so many bytes have passed in a direction.

        Cut answers leave a client that does not know whether its request was carried out. Heals by
        itself after `times` cuts.
        """
        self._set(_Cut(direction, after_bytes), times)

    def answer(
        self,
        status: int,
        body: str = "",
        headers: Mapping[str, str] | None = None,
        *,
        forward: bool = False,
        times: int | None = None,
    ) -> None:
        """Answer each HTTP request oneself; with `forward` the server carries it out all the same.

        Heals by itself after `times` answers.
        """
        lines = {
            "Connection": "close",
            "Content-Length": str(len(body.encode())),
            **(headers or {}),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        response = f"HTTP/1.1 {status} Fault\r\n{head}\r\n{body}".encode()
        self._set(_Answer(response, forward), times)
        # A connection that is kept alive would go on as it began.
        self._reset_all()

    def after(self, requested_bytes: int, begin: Callable[[], None]) -> None:
        """Call `begin` (one of the faults) when so many more bytes of requests have passed."""
        with self._lock:
            self._armed = (self.requested_bytes + requested_bytes, begin)

    def _set(self, fault: _Fault, times: int | None = None) -> None:
        with self._lock:
            self._fault, self._times_left = fault, times
            for connection in self._connections:
                connection.passed = {"requests": 0, "answers": 0}
            if self._listener is None:
                self._listen()

    def _listen(self) -> None:
        listener = socket.create_server((_HOST, self.port))
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._spawn(self._accept, listener)

    def _shut(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            # Closing alone would leave the port open while `accept` waits.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self._reset_all()

    def _reset_all(self) -> None:
        with self._lock:
            gone, self._connections = self._connections, set()
        for connection in gone:
            connection.reset()

    def _spawn(self, run: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=run, args=args, name="fault proxy", daemon=True)
        self._threads = [known for known in self._threads if known.is_alive()]
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                if self._listener is not listener:
                    client.close()
                    return
                fault = self._fault
                if isinstance(fault, _Answer):
                    self._spawn(self._answer, client, fault)
                else:
                    self._spawn(self._connect, client)

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection((_HOST, self._target_port), _TIMEOUT_S)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(client, server)
        with self._lock:
            if self._listener is None:
                connection.reset()
                return
            self._connections.add(connection)
            self._spawn(self._pump, connection, "answers")
        self._pump(connection, "requests")

    def _pump(self, connection: _Connection, direction: Direction) -> None:
        """Pass bytes on in one direction until an end closes or a fault does."""
        ends = connection.client, connection.server
        source, sink = ends if direction == "requests" else reversed(ends)
        with contextlib.suppress(OSError):
            while chunk := source.recv(_CHUNK_BYTES):
                while chunk:
                    piece = self._pass(connection, direction, sink, chunk)
                    chunk = chunk[piece:]
        with self._lock:
            known = connection in self._connections
            self._connections.discard(connection)
        if known:
            connection.reset()

    def _pass(
        self, connection: _Connection, direction: Direction, sink: socket.socket, chunk: bytes
    ) -> int:
        """Pass on as much of a chunk as the fault lets; raise OSError where it cuts."""
        begin = None
        with self._lock:
            fault = self._fault
            room = len(chunk)
            cut = isinstance(fault, _Cut) and fault.direction == direction
            if isinstance(fault, _Cut) and cut:
                room = min(room, max(0, fault.after_bytes - connection.passed[direction]))
            elif isinstance(fault, _Slow) and fault.bytes_per_s:
                room = min(room, max(1, int(fault.bytes_per_s * _STEP_S)))
            if direction == "requests" and self._armed is not None:
                at, armed = self._armed
                if self.requested_bytes + room >= at:
                    room, begin = max(0, at - self.requested_bytes), armed
                    self._armed = None
            connection.passed[direction] += room
            if direction == "requests":
                self.requested_bytes += room
            cut = cut and begin is None and room < len(chunk)
            if cut:
                # Counted where it is decided: another connection must not be cut instead as well.
                self._hit(fault)
        if isinstance(fault, _Slow):
            time.sleep(fault.delay_s + (room / fault.bytes_per_s if fault.bytes_per_s else 0.0))
        sink.sendall(chunk[:room])
        if begin is not None:
            begin()
            with self._lock:
                if connection not in self._connections:
                    raise ConnectionResetError("the fault has ended the connection")
        elif cut:
            raise ConnectionResetError("cut")
        return room

    def _hit(self, fault: _Fault | None) -> None:
        with self._lock:
            self.hits += 1
            if self._times_left is not None and fault is self._fault:
                self._times_left -= 1
                if self._times_left <= 0:
                    self._fault = None

    def _answer(self, client: socket.socket, fault: _Answer) -> None:
        client.settimeout(_TIMEOUT_S)
        with client, contextlib.suppress(OSError):
            request = _read_request(client)
            if not request:
                return
            with self._lock:
                if fault is not self._fault:
                    # Healed while it was waiting: closed unanswered, the next one passes.
                    return
                self._hit(fault)
            if fault.forward:
                with socket.create_connection((_HOST, self._target_port), _TIMEOUT_S) as server:
                    server.sendall(request)
                    server.recv(_CHUNK_BYTES)
            client.sendall(fault.response)


def _read_request(client: socket.socket) -> bytes:
    """Return one HTTP request whole, with the length in its head; nothing at the end."""
    request = b""
    while b"\r\n\r\n" not in request:
        chunk = client.recv(_CHUNK_BYTES)
        if not chunk:
            return b""
        request += chunk
    head, _, body = request.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        chunk = client.recv(_CHUNK_BYTES)
        if not chunk:
            return b""
        body += chunk
    return head + b"\r\n\r\n" + body
