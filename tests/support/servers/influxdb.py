"""InfluxDB 1.8, the last version that Go builds from source alone. Takes Go once."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from textwrap import dedent

from tests.support.servers.cache import installed, require_tool, run_step
from tests.support.servers.endpoints import InfluxDBEndpoint
from tests.support.servers.ports import free_port, is_open
from tests.support.servers.process import Server

VERSION = "1.8.10"
USERNAME, PASSWORD = "tidemark", "tidemark-secret"


class InfluxDB(Server, InfluxDBEndpoint):
    """A server at `url` that takes v2 writes (`/api/v2/write`) and answers InfluxQL.

    With `auth` there is one administrator, and `token` is what a v2 client sends; without it
    any token goes.
    """

    name = "influxdb"

    def __init__(self, data_dir: Path, port: int | None = None, *, auth: bool = False) -> None:
        super().__init__(data_dir)
        self.port = free_port() if port is None else port
        self._rpc_port = free_port()
        self._auth = auth

    @property
    def url(self) -> str:
        """Return the base address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def backup_address(self) -> str:
        """Return host:port for `influxd backup` and `influxd restore`."""
        return f"127.0.0.1:{self._rpc_port}"

    @staticmethod
    def program() -> Path:
        """Return `influxd`."""
        return installed(f"influxdb-{VERSION}", _install) / "influxd"

    @property
    def token(self) -> str:
        """Return the token of a v2 client: `user:password` on this version."""
        return f"{USERNAME}:{PASSWORD}"

    def _launch(self) -> None:
        config = self.data_dir / "influxdb.conf"
        config.write_text(self._config())
        self._spawn(self.program(), "run", "-config", config)
        self._wait_until_ready()
        if self._auth:
            # Allowed to anybody until the first administrator exists, and idempotent after.
            self.query(f"CREATE USER {USERNAME} WITH PASSWORD '{PASSWORD}' WITH ALL PRIVILEGES")

    def _answers(self) -> bool:
        if not is_open(self.port):
            return False
        try:
            with urllib.request.urlopen(f"{self.url}/ping", timeout=5) as response:
                return bool(response.status == 204)
        except OSError:
            return False

    def _config(self) -> str:
        return dedent(f"""\
            reporting-disabled = true
            bind-address = "127.0.0.1:{self._rpc_port}"
            [meta]
            dir = "{self.data_dir}/meta"
            [data]
            dir = "{self.data_dir}/data"
            wal-dir = "{self.data_dir}/wal"
            query-log-enabled = false
            [http]
            bind-address = "127.0.0.1:{self.port}"
            auth-enabled = {str(self._auth).lower()}
            log-enabled = false
            [monitor]
            store-enabled = false
            """)


def _install(folder: Path) -> None:
    go = require_tool("go", "building the InfluxDB server of the tests")
    run_step(
        *[go, "install", "-ldflags", f"-s -w -X main.version={VERSION}"],
        f"github.com/influxdata/influxdb/cmd/influxd@v{VERSION}",
        environ={"CGO_ENABLED": "0", "GOBIN": str(folder)},
    )
