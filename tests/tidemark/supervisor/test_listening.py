"""Waiting for listeners."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

from tidemark.supervisor.listening import wait_for_listeners
from tidemark.supervisor.spec import free_addresses


def listen(address: str) -> socket.socket:
    host, _, port = address.partition(":")
    return socket.create_server((host, int(port)))


def test_it_returns_when_everybody_listens() -> None:
    first, second = free_addresses(2)
    with listen(first):
        assert wait_for_listeners([first])
        assert not wait_for_listeners([first, second], 0.0)
        opened: list[socket.socket] = []
        waiting = threading.Event()

        def sleep(_: float) -> None:
            waiting.set()
            if not opened:
                opened.append(listen(second))

        assert wait_for_listeners([first, second], 30.0, sleep=sleep)
        assert waiting.is_set()
        opened[0].close()


def test_who_is_elsewhere_is_not_waited_for() -> None:
    assert wait_for_listeners([], 0.0)
    assert wait_for_listeners(["tidemark-0.tidemark:9999"], 0.0)


def test_without_the_list_nothing_is_waited_for(tmp_path: Path) -> None:
    assert not wait_for_listeners(free_addresses(1), 30.0, sockets=tmp_path / "none")
