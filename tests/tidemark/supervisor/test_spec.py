"""Addresses of a group on one machine."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tidemark.supervisor.spec import free_addresses


def test_ports_are_free_different_and_none_of_those_of_outgoing_connections() -> None:
    with socket.create_server(("127.0.0.1", 0)):
        addresses = free_addresses(50)
    ports = [int(address.removeprefix("127.0.0.1:")) for address in addresses]
    assert len(set(ports)) == 50
    assert max(ports) < int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])


def test_a_port_that_is_taken_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    free = int(free_addresses(1)[0].removeprefix("127.0.0.1:"))
    monkeypatch.setattr("tidemark.supervisor.spec._PORTS", range(free, free + 1))
    with socket.create_server(("127.0.0.1", free)), pytest.raises(OSError, match="no 1 free"):
        free_addresses(1)
    assert free_addresses(1) == [f"127.0.0.1:{free}"]
