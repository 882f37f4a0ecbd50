"""A MongoDB wire server: SecantusDB, from Python packages alone, in an environment of its own.

It stands in for mongod in tests and is slow; it is GPL-licensed, hence a separate process in a
separate environment that nothing of ours imports.
"""

from __future__ import annotations

import sys
import urllib.parse
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.support.servers.cache import installed, run_step
from tests.support.servers.endpoints import MongoEndpoint
from tests.support.servers.ports import free_port, is_open
from tests.support.servers.process import Server

VERSION = "0.7.0b3"
USERNAME, PASSWORD = "tidemark", "tidemark-secret"
REQUIREMENTS = Path(__file__).with_name("mongodb-requirements.txt")


class Mongo(Server, MongoEndpoint):
    """A server at `uri` (with the credentials in it when `auth` is on). Every commit is synced."""

    name = "mongodb"

    def __init__(self, data_dir: Path, port: int | None = None, *, auth: bool = False) -> None:
        super().__init__(data_dir)
        self.port = free_port() if port is None else port
        self._auth = auth

    @property
    def uri(self) -> str:
        """Return the connection string, credentials included."""
        if not self._auth:
            return self.uri_without_credentials
        user, password = urllib.parse.quote_plus(USERNAME), urllib.parse.quote_plus(PASSWORD)
        return f"mongodb://{user}:{password}@127.0.0.1:{self.port}/?authSource=admin"

    @property
    def uri_without_credentials(self) -> str:
        """Return the connection string of a client that does not log in."""
        return f"mongodb://127.0.0.1:{self.port}/"

    def _launch(self) -> None:
        tag = f"py{sys.version_info.major}.{sys.version_info.minor}"
        python = installed(f"secantusdb-{VERSION}-{tag}", _install) / "bin" / "python"
        # An empty file: without one it looks for a configuration in the user's home.
        config = self.data_dir / "server.toml"
        config.touch()
        command = [str(python), "-m", "secantus", "--config", str(config)]
        command += ["--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--storage-path", str(self.data_dir / "data"), "--sync-on-commit"]
        command += ["--log-level", "WARNING"]
        if self._auth:
            self._provide_user(command)
            command.append("--auth")
        self._spawn(*command)
        self._wait_until_ready()

    def _provide_user(self, command: list[str]) -> None:
        """Create the user with a first run that asks for no credentials."""
        done = self.data_dir / "user-created"
        if done.exists():
            return
        self._spawn(*command)
        self._wait_until_ready()
        with MongoClient[dict[str, Any]](self.uri_without_credentials) as client:
            client.admin.command("createUser", USERNAME, pwd=PASSWORD, roles=["root"])
        self.stop()
        done.touch()

    def _answers(self) -> bool:
        if not is_open(self.port):
            return False
        try:
            with MongoClient[dict[str, Any]](
                self.uri_without_credentials, serverSelectionTimeoutMS=2000
            ) as client:
                client.admin.command("hello")
        except PyMongoError:
            return False
        return True


def _install(folder: Path) -> None:
    # Moved to its final name afterwards: call its python, never a script with the path inside.
    run_step(sys.executable, "-m", "venv", folder)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    run_step(*pip, "install", "--quiet", "--require-hashes", "-r", REQUIREMENTS)
