"""Back up and restore as docs/operations.md says; what comes out equals the recomputation."""

from __future__ import annotations

import os
import shlex
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from bson import decode_file_iter
from bson.codec_options import CodecOptions

from tests.conftest import StartServer
from tests.docs.pages import block_with
from tests.faults.feed import WINDOW_S, Feed, stream, truth_of
from tests.faults.job import Job, settings
from tests.faults.verdict import TAGS, judge
from tests.sinks.readers import (
    influx_series,
    mongo_documents,
    sqlite_documents,
    sqlite_series,
)
from tests.support.comparing import assert_same
from tests.support.recompute import (
    Truth,
    current_aggregates,
    interactions_documents,
    interactions_points,
)
from tests.support.running import TIDEMARK, run
from tests.support.servers import InfluxDB, KafkaEndpoint, MongoEndpoint
from tests.support.unique import unique_name

PAGE = "docs/operations.md"
PIECE, EVENTS = 10_000, 50_000
_WITH_ZONES: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)
STORE = "var/tidemark.db"
FULL_SPEED = {"TIDEMARK_SOURCE__BATCH_SIZE": "20000", "TIDEMARK_SOURCE__EPOCH_BYTES": "67108864"}


class Backed:
    """A flow that keeps all it has below `var`, and the commands of the page beside it."""

    def __init__(self, kafka: KafkaEndpoint, directory: Path, **more: str) -> None:
        self.directory = directory / "job"
        self.topic = kafka.create_topic(unique_name("backup"), 3)
        self.environ = {
            **settings(kafka, self.topic),
            **FULL_SPEED,
            # Between two pieces a test may take long: that silence must not close windows.
            "TIDEMARK_TIME__IDLE_AFTER_S": "600",
            "TIDEMARK_DOCUMENTS__URLS": f"sqlite:{STORE}",
            "TIDEMARK_SERIES__URLS": f"sqlite:{STORE}",
            **more,
        }
        self.feed = Feed(kafka, self.topic, directory / "truth.parquet", stream(EVENTS))

    def job(self, *arguments: str) -> Job:
        job = Job(self.directory, self.environ, *arguments)
        job.store = self.directory / STORE
        return job

    def tidemark(self, *words: str) -> str:
        done = run((*TIDEMARK, *words), self.directory, self.environ)
        assert done.code == 0, done.stdout + done.stderr
        return done.stdout

    def shell(self, command: str, **environ: str) -> None:
        subprocess.run(
            ["sh", "-euc", command],
            cwd=self.directory,
            env={**os.environ, **environ},
            check=True,
        )

    def end(self) -> Truth:
        """Read what there is to its end; return what should be stored."""
        self.feed.send(EVENTS - self.feed.sent)
        self.feed.close()
        with self.job("--until-end") as job:
            job.start()
            assert job.end() == 0, job.text()[-3000:]
        return truth_of(self.feed.truth_file)


@pytest.fixture
def backed(kafka: KafkaEndpoint, tmp_path: Path) -> Backed:
    return Backed(kafka, tmp_path)


def restore_commands() -> list[str]:
    """Return what the page says to type for what is in files."""
    return [
        line
        for line in block_with(PAGE, "cp -a var.backup/. var/").splitlines()
        if line.startswith(("rm ", "cp "))
    ]


@contextmanager
def reading(backed: Backed, processes: int) -> Iterator[Job]:
    """Run the flow with one piece read and in a snapshot, and stop it at the end."""
    with backed.job(f"--processes={processes}") as job:
        job.start()
        backed.feed.send(PIECE)
        job.wait_until(lambda: job.read() == backed.feed.sent, "the first piece")
        job.wait_for_snapshot()
        yield job
        assert job.stop() == 0, job.text()[-3000:]


@pytest.mark.parametrize("processes", [1, 2])
def test_backups_of_a_running_flow_are_whole_each(backed: Backed, processes: int) -> None:
    told = block_with(PAGE, "tidemark backup").splitlines()
    (line,) = [each for each in told if each.startswith("tidemark ")]
    words = line.split()[1:]
    names = [f"{words[-1]}-{number}" for number in range(3)]
    with reading(backed, processes) as job:
        for number, name in enumerate(names):
            backed.feed.send(PIECE)
            # While it reads, while it makes snapshots, while it closes windows.
            part_read = backed.feed.sent - PIECE // 2 if number else 0
            job.wait_until(lambda least=part_read: job.read() >= least, "a part")  # type: ignore[misc]
            said = backed.tidemark(*words[:-1], name)
            assert said.count(" -> ") == 5
    truth = backed.end()
    assert judge(backed.directory / STORE, truth).exact

    for name in names:
        backed.shell(f"rm -rf var.backup && cp -a {name} var.backup")
        for command in restore_commands():
            backed.shell(command)
        assert backed.directory.joinpath("var").stat().st_mode & 0o777 == 0o700
        with backed.job("--until-end") as job:
            job.start()
            assert job.end() == 0, job.text()[-3000:]
            assert job.resumed_from() > 1, "it went on from the backup"
        verdict = judge(backed.directory / STORE, truth)
        assert verdict.exact, (name, verdict)


def test_a_copy_after_a_stop_is_as_good(backed: Backed) -> None:
    with reading(backed, 1):
        pass
    backed.shell(block_with(PAGE, "cp -a var var.copy"))
    truth = backed.end()
    backed.shell("cp -a var.copy var.backup")
    for command in restore_commands():
        backed.shell(command)
    with backed.job("--until-end") as job:
        job.start()
        assert job.end() == 0, job.text()[-3000:]
    verdict = judge(backed.directory / STORE, truth)
    assert verdict.exact, verdict


def test_a_recovery_store_copied_file_by_file_while_it_runs_is_not_whole(backed: Backed) -> None:
    """The reason for the command: what the page warns of does happen."""
    target = backed.directory / "naive"
    with reading(backed, 1) as job:
        target.mkdir(mode=0o700)
        parts = sorted((backed.directory / "var" / "recovery").glob("part-*.sqlite3"))
        naming = [part for part in parts if _rows(part, "SELECT 1 FROM fronts")]
        assert len(naming) == 1, "the file that names the epoch to go on from"
        for part in [each for each in parts if each not in naming] + naming:
            if part in naming:
                backed.feed.send(PIECE)
                job.wait_until(lambda: job.read() == backed.feed.sent, "more meanwhile")
                job.wait_for_snapshot()
            with sqlite3.connect(part) as source, sqlite3.connect(target / part.name) as copy:
                source.backup(copy)
        shutil.copy2(parts[0].with_name("tidemark.json"), target)
    truth = backed.end()
    shutil.rmtree(backed.directory / "var")
    (backed.directory / "var").mkdir()
    target.rename(backed.directory / "var" / "recovery")
    with backed.job("--until-end") as job:
        job.start()
        code = job.end()
    assert code != 0 or not judge(backed.directory / STORE, truth).exact


def test_the_recovery_store_alone_from_yesterday_or_none_at_all(backed: Backed) -> None:
    with reading(backed, 1):
        backed.tidemark("backup", "var.backup")
    truth = backed.end()
    for command in ("rm -r var/recovery && cp -a var.backup/recovery var/", "rm -r var/recovery"):
        backed.shell(command)
        with backed.job("--until-end") as job:
            job.start()
            assert job.end() == 0, job.text()[-3000:]
        verdict = judge(backed.directory / STORE, truth)
        assert verdict.exact, (command, verdict)


def test_the_stores_alone_from_yesterday_are_made_whole_from_kafka(backed: Backed) -> None:
    with reading(backed, 1):
        backed.tidemark("backup", "var.backup")
    truth = backed.end()
    backed.shell("rm var/tidemark.db* && cp -a var.backup/tidemark.db var/")
    with backed.job("--until-end") as job:
        job.start()
        assert job.end() == 0, job.text()[-3000:]
    windows = interactions_documents(truth.accepted, window_s=WINDOW_S)
    read, series = (
        sqlite_documents(backed.directory / STORE),
        sqlite_series(backed.directory / STORE),
    )
    assert len(read("aggregated_data")) < len(windows), "some are missing"

    starts = sorted(document["timestamp"] for document in windows.values())
    period = ("--from", starts[0].isoformat(), "--to", windows_end(starts[-1].isoformat()))
    backed.tidemark("recompute", *period, "--no-include-late", "--stats", "--yes")
    assert_same(read("aggregated_data"), windows, "aggregated_data")
    for name, key in (("user_stats", "user_id"), ("item_stats", "item_id")):
        assert_same(read(name), current_aggregates(truth.accepted, key), name)
    points = interactions_points(windows)
    for measurement, tags in TAGS.items():
        those = {(at, t): fields for (m, at, t), fields in points.items() if m == measurement}
        assert_same(series(measurement, tags), those, measurement)


def windows_end(start: str) -> str:
    """Return the end of the window that starts then."""
    from datetime import datetime, timedelta

    return (datetime.fromisoformat(start) + timedelta(seconds=WINDOW_S)).isoformat()


class Copies:
    """All documents of a database, taken and put back by pymongo: where MongoDB's tools are not."""

    def __init__(self, mongo: MongoEndpoint, database: str, backed: Backed) -> None:
        self.mongo, self.database, self.backed = mongo, database, backed
        self._taken: dict[str, list[dict[str, Any]]] = {}

    def take(self) -> None:
        with self.mongo.client() as client:
            database = client[self.database]
            self._taken = {n: list(database[n].find()) for n in database.list_collection_names()}

    def put_back(self) -> None:
        with self.mongo.client() as client:
            for name in client[self.database].list_collection_names():
                client[self.database][name].delete_many({})
            for name, documents in self._taken.items():
                if documents:
                    client[self.database][name].insert_many(documents)


class Dumps(Copies):
    """The same by the commands of the page."""

    def take(self) -> None:
        self._type("mongodump")

    def put_back(self) -> None:
        self._type("mongorestore")
        files = list((self.backed.directory / "mongo.backup" / self.database).glob("*.bson"))
        assert {file.stem for file in files} >= {"aggregated_data", "user_stats", "item_stats"}
        with self.mongo.client() as client:
            for file in files:
                found = {each["_id"]: each for each in client[self.database][file.stem].find()}
                with file.open("rb") as dumped:
                    wanted = {each["_id"]: each for each in decode_file_iter(dumped, _WITH_ZONES)}
                assert found == wanted, file.stem

    def _type(self, program: str) -> None:
        (line,) = [each for each in block_with(PAGE, program).splitlines() if program in each]
        line = line.replace("--db tidemark", f"--db {self.database}")
        self.backed.shell(line, MONGO_URI=self.mongo.uri)


def a_way(kind: type[Copies]) -> type[Copies]:
    """Skip where it takes MongoDB's tools and they are not installed: tests do not fetch them."""
    for program in ("mongodump", "mongorestore"):
        if kind is Dumps and shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    return kind


@pytest.mark.parametrize("kind", [Copies, Dumps])
def test_mongodb_and_influxdb_are_put_back(
    kafka: KafkaEndpoint,
    mongo: MongoEndpoint,
    mongo_database: str,
    start_server: StartServer,
    tmp_path: Path,
    kind: type[Copies],
) -> None:
    """The page's order and its commands."""
    way = a_way(kind)
    influx = start_server(InfluxDB)
    influx.create_database("tidemark")
    backed = Backed(
        kafka,
        tmp_path,
        TIDEMARK_DOCUMENTS__URLS=f"sqlite:{STORE},{mongo.uri}",
        TIDEMARK_DOCUMENTS__DATABASE=mongo_database,
        TIDEMARK_SERIES__URLS=f"sqlite:{STORE},{influx.url}",
        INFLUX_TOKEN=influx.token,
        INFLUX_BUCKET="tidemark",
    )

    def influxd(text: str) -> str:
        (line,) = [each for each in block_with(PAGE, text).splitlines() if text in each]
        here = line.replace("127.0.0.1:8088", influx.backup_address)
        return here.replace("influxd", shlex.quote(str(influx.program())), 1)

    documents = way(mongo, mongo_database, backed)
    with reading(backed, 1) as job:
        backed.tidemark("backup", "var.backup")
        documents.take()
        backed.shell(influxd("influxd backup"))
        backed.feed.send(2 * PIECE)
        job.wait_until(lambda: job.read() == backed.feed.sent, "more after the backup")
        job.wait_for_snapshot()  # the stand-in is slow: a stop would not wait for all it owes
    for command in restore_commands():
        backed.shell(command)
    documents.put_back()
    influx.drop_database("tidemark")
    backed.shell(influxd("influxd restore"))

    truth = backed.end()
    assert judge(backed.directory / STORE, truth).exact
    windows = interactions_documents(truth.accepted, window_s=WINDOW_S)
    read = mongo_documents(mongo, mongo_database)
    assert_same(read("aggregated_data"), windows, "aggregated_data")
    for name, key in (("user_stats", "user_id"), ("item_stats", "item_id")):
        assert_same(read(name), current_aggregates(truth.accepted, key), name)
    series, points = influx_series(influx, "tidemark"), interactions_points(windows)
    for measurement, tags in TAGS.items():
        those = {(at, t): fields for (m, at, t), fields in points.items() if m == measurement}
        assert_same(series(measurement, tags), those, measurement)


def _rows(path: Path, query: str) -> list[tuple[int, ...]]:
    with sqlite3.connect(path) as connection:
        return connection.execute(query).fetchall()
