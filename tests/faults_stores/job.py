"""The job with both kinds of stores, each behind its proxy and beside a SQLite file."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults_stores.data import Dataset, assert_documents, assert_series
from tests.faults_stores.proxy import FaultProxy
from tests.sinks.readers import (
    influx_series,
    mongo_documents,
    sqlite_documents,
    sqlite_documents_so_far,
    sqlite_series,
)
from tests.support.running import TIDEMARK, Finished, Running, run
from tests.support.servers import InfluxDBEndpoint, KafkaEndpoint, MongoEndpoint

UNTIL_END = (*TIDEMARK, "run", "--until-end")
_MESSAGE = re.compile(r"^error: (?P<message>.+)\n  remedy: (?P<remedy>.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Job:
    """How the job is run, and what it has stored."""

    directory: Path
    dataset: Dataset
    settings: dict[str, str]
    mongo: MongoEndpoint
    influx: InfluxDBEndpoint
    database: str

    def start(self, **settings: str) -> Running:
        """Start a run up to the end of the topic."""
        return Running(UNTIL_END, self.directory, self.settings | settings)

    def finish(self, *arguments: str, **settings: str) -> Finished:
        """Run up to the end of the topic."""
        return run((*UNTIL_END, *arguments), self.directory, self.settings | settings)

    def log(self) -> str:
        """Return what the runs of `start` have printed."""
        return (self.directory / "process.log").read_text()

    def logged(self, event: str, text: str = "") -> bool:
        """Tell whether a line of the log has an event and a text."""
        return any(event in line and text in line for line in self.log().splitlines())

    def sqlite(self, collection: str) -> dict[str, dict[str, Any]]:
        """Return what is in the file so far."""
        return sqlite_documents_so_far(self.directory / "out.db")(collection)

    def documents(self, collection: str) -> dict[str, dict[str, Any]]:
        """Return what is in MongoDB so far."""
        return mongo_documents(self.mongo, self.database)(collection)

    def assert_exact(self, without: tuple[str, ...] = ()) -> None:
        """Fail unless all four stores hold exactly what the recomputation gives.

        InfluxDB's measurements in `without` are not looked at.
        """
        truth, file = self.dataset.truth, self.directory / "out.db"
        assert_documents(sqlite_documents(file), truth, "SQLite")
        assert_series(sqlite_series(file), truth, "SQLite")
        assert_documents(mongo_documents(self.mongo, self.database), truth, "MongoDB")
        assert_series(influx_series(self.influx, self.database), truth, "InfluxDB", without)


MakeJob = Callable[..., Job]


def job_settings(
    kafka: KafkaEndpoint, topic: str, database: str, mongo: FaultProxy, influx: FaultProxy
) -> dict[str, str]:
    """Return settings: both kinds of stores twice, small batches, short epochs."""
    # Not direct, the driver asks for the members of the replica set and goes round the proxy.
    direct = f"mongodb://127.0.0.1:{mongo.port}/?directConnection=true"
    return {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "KAFKA_GROUP_ID": topic,
        "TIDEMARK_PIPELINES__ONLY": "interactions",
        "TIDEMARK_PIPELINES__INTERACTIONS__TOPIC": topic,
        "TIDEMARK_SOURCE__BATCH_SIZE": "2000",
        "TIDEMARK_ENGINE__EPOCH_INTERVAL_S": "1",
        "TIDEMARK_DOCUMENTS__URLS": f"sqlite:out.db,{direct}",
        "TIDEMARK_DOCUMENTS__DATABASE": database,
        "TIDEMARK_SERIES__URLS": f"sqlite:out.db,http://127.0.0.1:{influx.port}",
        "INFLUX_TOKEN": "none:none",
        "INFLUX_BUCKET": database,
        "TIDEMARK_STORES__TIMEOUT_S": "3",
        "TIDEMARK_LOGGING__FORMAT": "json",
    }


def one_message(said: str) -> tuple[str, str]:
    """Return the one message of a failed run and its remedy; nothing else may look like one."""
    assert "Traceback" not in said, said
    assert "panicked" not in said, said
    found = list(_MESSAGE.finditer(said))
    assert len(found) == 1, said
    return found[0]["message"], found[0]["remedy"]
