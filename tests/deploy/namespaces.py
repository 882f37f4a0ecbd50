"""Several machines in one: network namespaces on a bridge, or addresses of loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.servers.ports import free_port

MESH_PORT, HTTP_PORT = 2101, 9464


class Machines(ABC):
    """Places for the members of a cluster; each has an address of its own."""

    kind: str
    gateway: str
    """Where every one of them reaches servers of the test."""

    @abstractmethod
    def command(self, number: int, command: Sequence[str]) -> list[str]:
        """Return the command that runs a command on a machine."""

    @abstractmethod
    def settings(self, number: int) -> dict[str, str]:
        """Return settings that differ from the manifests' because of the place."""

    @abstractmethod
    def http(self, number: int) -> str:
        """Return the address of a machine's health and metrics."""


class Namespaces(Machines):
    """Network namespaces: ports of the manifests, names of the service by a hosts file each."""

    kind = "three network namespaces"

    def __init__(self, names: Sequence[str]) -> None:
        self._tag = f"tm{uuid.uuid4().hex[:6]}"
        self._net = f"10.{uuid.uuid4().int % 200 + 30}.77"
        self._count = len(names)
        self._names = names
        self.gateway = f"{self._net}.1"

    def __enter__(self) -> Namespaces:
        try:
            _ip("link", "add", self._tag, "type", "bridge")
            _ip("address", "add", f"{self.gateway}/24", "dev", self._tag)
            _ip("link", "set", self._tag, "up")
            for number in range(self._count):
                self._add(number)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for number in range(self._count):
            subprocess.run(["ip", "netns", "del", self._namespace(number)], check=False)
            shutil.rmtree(self._etc(number), ignore_errors=True)
        subprocess.run(["ip", "link", "del", self._tag], check=False)

    def command(self, number: int, command: Sequence[str]) -> list[str]:
        return ["ip", "netns", "exec", self._namespace(number), *command]

    def settings(self, number: int) -> dict[str, str]:
        return {}

    def http(self, number: int) -> str:
        return f"http://{self._address(number)}:{HTTP_PORT}"

    def _add(self, number: int) -> None:
        namespace, outer = self._namespace(number), f"{self._tag}v{number}"
        _ip("netns", "add", namespace)
        _ip("link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        _ip("link", "set", outer, "master", self._tag, "up")
        _ip("-n", namespace, "address", "add", f"{self._address(number)}/24", "dev", "eth0")
        _ip("-n", namespace, "link", "set", "eth0", "up")
        _ip("-n", namespace, "link", "set", "lo", "up")
        # `ip netns exec` shows it as /etc/hosts.
        self._etc(number).mkdir(parents=True)
        lines = [f"{self._address(n)} {name}" for n, name in enumerate(self._names)]
        hosts = self._etc(number) / "hosts"
        hosts.write_text("\n".join(["127.0.0.1 localhost", *lines, ""]))

    def _namespace(self, number: int) -> str:
        return f"{self._tag}-{number}"

    def _address(self, number: int) -> str:
        return f"{self._net}.{number + 10}"

    def _etc(self, number: int) -> Path:
        return Path("/etc/netns") / self._namespace(number)


class LoopbackAddresses(Machines):
    """127.0.0.2 and up: what is left where network namespaces are not allowed."""

    kind = "three loopback addresses"
    gateway = "127.0.0.1"

    def __init__(self, count: int) -> None:
        self._mesh = [f"127.0.0.{number + 2}:{free_port()}" for number in range(count)]
        self._http = [free_port() for _ in range(count)]

    def command(self, number: int, command: Sequence[str]) -> list[str]:
        return list(command)

    def settings(self, number: int) -> dict[str, str]:
        return {
            "TIDEMARK_RUN__ADDRESSES": ",".join(self._mesh),
            "TIDEMARK_OBSERVABILITY__HOST": f"127.0.0.{number + 2}",
            "TIDEMARK_OBSERVABILITY__PORT": str(self._http[number]),
        }

    def http(self, number: int) -> str:
        return f"http://127.0.0.{number + 2}:{self._http[number]}"


@contextmanager
def machines(names: Sequence[str]) -> Iterator[Machines]:
    """Yield as many machines as there are names, in network namespaces if those are allowed."""
    if not _allowed():
        yield LoopbackAddresses(len(names))
        return
    with Namespaces(names) as made:
        yield made


def _allowed() -> bool:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    probe = f"tmprobe{uuid.uuid4().hex[:6]}"
    made = subprocess.run(["ip", "link", "add", probe, "type", "bridge"], capture_output=True)
    if made.returncode != 0:
        return False
    subprocess.run(["ip", "link", "del", probe], check=True)
    namespace = subprocess.run(["ip", "netns", "add", probe], capture_output=True)
    subprocess.run(["ip", "netns", "del", probe], capture_output=True, check=False)
    return namespace.returncode == 0


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()}")
