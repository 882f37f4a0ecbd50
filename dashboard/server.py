"""Serve the live page."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from dashboard.access import check_exposure
from dashboard.app import make_app
from dashboard.live import Live
from tidemark.config import Settings
from tidemark.errors import TidemarkError

_BACKLOG = 512
_GOODBYE_S = 2


class AddressTaken(TidemarkError):
    """Something else listens there, or nobody may."""


class _Server(uvicorn.Server):
    """uvicorn, with signals left to us: it would end the process by the signal it got."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int, *, any_port: bool = False) -> socket.socket:
    """Return a socket that listens; on any free port where `any_port` and this one is taken.

    Raises AddressTaken.
    """
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise AddressTaken(
            f"{host} is no address to listen on: {error.strerror}", remedy="set dashboard.host"
        ) from error
    family, kind, _, _, address = found[0]
    listener = socket.socket(family, kind)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if any_port and port:
            return listen(host, 0)
        raise AddressTaken(
            f"cannot listen on {host}:{port}: {error.strerror}",
            remedy="choose another port: --port, dashboard.port or DASHBOARD_PORT",
        ) from error
    return listener


def serve(settings: Settings, tell: Callable[[str], None], *, any_port: bool = False) -> None:
    """Serve the page until SIGINT or SIGTERM; `tell` is given its address when it listens.

    Raises TokenMissing, AddressTaken, NoStore; KeyboardInterrupt after SIGINT, when all is closed.
    """
    dashboard = settings.dashboard
    token = dashboard.token
    check_exposure(dashboard.host, token.get_secret_value() if token is not None else None)
    live = Live(settings)
    listener = listen(dashboard.host, dashboard.port, any_port=any_port)
    config = uvicorn.Config(
        make_app(live),
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=_GOODBYE_S,
    )
    server = _Server(config)
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    tell(f"http://{shown}:{port}/")
    with listener:
        if asyncio.run(_run(server, live, listener)) == signal.SIGINT:
            raise KeyboardInterrupt


async def _run(server: uvicorn.Server, live: Live, listener: socket.socket) -> int | None:
    """Serve; return the signal that ended it."""
    loop = asyncio.get_running_loop()
    by: int | None = None

    def stop(number: int) -> None:
        nonlocal by
        by = number
        server.should_exit = True
        # Streams end by themselves, and need not be cut off.
        live.board.close()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    await server.serve(sockets=[listener])
    return by
