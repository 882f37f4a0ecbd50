"""InfluxDB 2, where `influxd` and `influx` are installed: Compose's tokens, the page's commands.

Neither is built for the tests: the server wants Rust beside Go, and a compiler of its day.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sinks.commands import Point, WritePoints
from sinks.influxdb import InfluxDBStore
from sinks.store import StoreRejected
from tests.deploy.composing import ROOT
from tests.docs.pages import block_with
from tests.support.servers.ports import free_port
from tests.support.servers.process import Server

PAGE = "docs/operations.md"
ADMINISTRATOR = "the-administrators-token"
ORGANISATION = BUCKET = "tidemark"
START = datetime(2026, 1, 1, tzinfo=UTC)
ALL = f'from(bucket: "{BUCKET}") |> range(start: 0) |> drop(columns: ["_start", "_stop"])'

Rows = list[tuple[str, ...]]


class InfluxDB2(Server):
    """A server with an administrator, a bucket, and the tokens that Compose makes."""

    name = "influxdb2"

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        self.port = free_port()
        self.tokens = data_dir / "tokens"

    @property
    def url(self) -> str:
        """Return the base address."""
        return f"http://127.0.0.1:{self.port}"

    def shell(self, line: str, **environ: str) -> str:
        """Run a line of shell as the administrator and return what it printed."""
        done = subprocess.run(
            ["sh", "-euc", line],
            cwd=self.data_dir,
            env={
                **{k: v for k, v in os.environ.items() if not k.startswith("INFLUX")},
                "INFLUX_HOST": self.url,
                "INFLUX_TOKEN": ADMINISTRATOR,
                "INFLUX_CONFIGS_PATH": str(self.data_dir / "configs"),
                **environ,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def make_tokens(self) -> None:
        """Make the tokens as the stack does."""
        self.shell(
            f"{ROOT}/deploy/compose/influxdb-tokens.sh {self.tokens}",
            INFLUX_ORG=ORGANISATION,
            TIDEMARK_USER_ID=str(os.geteuid()),
            GRAFANA_USER_ID=str(os.geteuid()),
        )

    def rows(self, token: str = ADMINISTRATOR) -> Rows:
        """Return every value of the bucket with its time, field and tags."""
        printed = self.shell(f"influx query --raw --org {ORGANISATION} '{ALL}'", INFLUX_TOKEN=token)
        return sorted(
            (row["_time"], row["_measurement"], row["_field"], row["type"], row["_value"])
            for part in printed.split("\n\n")
            for row in csv.DictReader(
                line for line in part.splitlines() if line and not line.startswith("#")
            )
        )

    def token(self, kind: str) -> str:
        """Return one of the two tokens: write or read."""
        return (self.tokens / f"{kind}-token").read_text().strip()

    def write(self, first: int, end: int, scale: float = 1.0, token: str | None = None) -> None:
        """Store points through our own store, with the dataflow's token."""
        store = InfluxDBStore(self.url, ORGANISATION, BUCKET, token or self.token("write"))
        points = [
            Point(
                "interactions",
                START + timedelta(seconds=10 * number),
                {"type": ("view", "purchase")[number % 2]},
                {"count": number, "share": scale * number / 7},
            )
            for number in range(first, end)
        ]
        store.open()
        try:
            store.write([WritePoints(points)])
            store.flush()
        finally:
            store.close()

    def _launch(self) -> None:
        self.tokens.mkdir(exist_ok=True)
        places = [f"--{name}-path={self.data_dir / name}" for name in ("bolt", "engine", "sqlite")]
        address = f"--http-bind-address=127.0.0.1:{self.port}"
        self._spawn("influxd", *places, address, "--reporting-disabled")
        self._wait_until_ready()
        self.shell(
            f"influx setup --force --username admin --password not-guessed --retention 0s"
            f" --token {ADMINISTRATOR} --org {ORGANISATION} --bucket {BUCKET}"
        )

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False


@pytest.fixture
def influxdb(tmp_path: Path) -> Iterator[InfluxDB2]:
    for program in ("influxd", "influx"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} of InfluxDB 2 is not installed")
        # Elsewhere: influxd reads a config.yaml of the folder that it is called in.
        told = subprocess.run(
            [program, "version"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        if told.returncode != 0 or "v1." in told.stdout or "version: 1." in told.stdout:
            pytest.skip(f"{program} is not that of InfluxDB 2")
    server = InfluxDB2(tmp_path / "server")
    server.start()
    try:
        server.make_tokens()
        yield server
    finally:
        server.stop()


def page(text: str) -> list[str]:
    """Return the lines of the page's block that holds this text."""
    return block_with(PAGE, text).splitlines()


def test_each_token_may_do_one_thing(influxdb: InfluxDB2) -> None:
    influxdb.write(0, 10)
    assert len(influxdb.rows(influxdb.token("read"))) == 20
    with pytest.raises(StoreRejected, match="403"):
        influxdb.write(0, 1, token=influxdb.token("read"))
    with pytest.raises(AssertionError, match="could not find bucket"):
        influxdb.rows(influxdb.token("write"))


def test_a_full_backup_is_put_back_with_its_tokens(influxdb: InfluxDB2) -> None:
    backup, restore = page("influx backup")
    influxdb.write(0, 1000)
    before = influxdb.rows()
    assert len(before) == 2000
    influxdb.shell(backup)
    influxdb.write(500, 1500, scale=2)
    assert influxdb.rows() != before
    influxdb.shell(restore)
    assert influxdb.rows() == before
    influxdb.write(1000, 1001)
    assert len(influxdb.rows(influxdb.token("read"))) == 2002


def test_a_bucket_is_put_back_by_its_points(influxdb: InfluxDB2) -> None:
    backup, _ = page("influx backup")
    restore, copy, delete = page("--new-bucket")
    influxdb.write(0, 1000)
    before = influxdb.rows()
    influxdb.shell(backup)
    influxdb.write(500, 1000, scale=2)
    assert influxdb.rows() != before
    for line in (restore, copy, delete):
        influxdb.shell(line)
    assert influxdb.rows() == before
    influxdb.write(1000, 1001)
    assert len(influxdb.rows(influxdb.token("read"))) == 2002


def test_a_bucket_restored_under_its_own_name_is_another_one(influxdb: InfluxDB2) -> None:
    """What the page warns of."""
    influxdb.write(0, 100)
    influxdb.shell("influx backup influx.backup")
    influxdb.shell(f"influx bucket delete --org {ORGANISATION} --name {BUCKET}")
    influxdb.shell(f"influx restore --bucket {BUCKET} influx.backup")
    assert len(influxdb.rows()) == 200
    with pytest.raises(StoreRejected, match="403"):
        influxdb.write(100, 101)
