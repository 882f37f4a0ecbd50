"""The subjects: ours and the peers."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from bench.origin import ROOT
from bench.peers import outputs
from bench.peers.install import JOBS, classes, environment, jars
from bench.peers.subject import Command, Subject
from bench.subjects import EPOCH_S, interactions_settings, recovery_store
from bench.topics import Place
from tests.support.servers.cache import require_tool
from tests.support.unique import unique_name

OURS = "Tidemark"

# 15 % less CPU than the default (G1) for both on two cores, and a third less memory.
_COLLECTOR = "-XX:+UseParallelGC"
# What Flink's own scripts open to it on Java 17.
_FLINK_OPENS = ("lang", "lang.reflect", "net", "nio", "time", "util", "util.concurrent")


def _tidemark(place: Place, folder: Path) -> Command:
    store = f"sqlite:{folder / 'output' / 'tidemark.db'}"
    recovery = recovery_store(folder / "recovery")
    return Command(
        [sys.executable, "-m", "bench.job", "--epoch-s", str(EPOCH_S), "--recovery", str(recovery)],
        {
            **interactions_settings(place),
            "TIDEMARK_PIPELINES__ONLY": "interactions",
            "TIDEMARK_SOURCE__UNTIL_END": "true",
            "TIDEMARK_DOCUMENTS__URLS": store,
            "TIDEMARK_SERIES__URLS": store,
        },
    )


def _kafka_python(place: Place, folder: Path) -> Command:
    python = environment("kafka_python")
    group = unique_name("peer")
    words = [python, JOBS / "kafka_python_job.py", place.servers, place.topic]
    return Command([*map(str, words), str(folder / "output"), group])


def _bytewax(place: Place, folder: Path) -> Command:
    words = [environment("bytewax"), JOBS / "bytewax_job.py", place.servers, place.topic]
    return Command([*map(str, words), str(folder / "output")])


def _quix(place: Place, folder: Path) -> Command:
    words = [environment("quix"), JOBS / "quix_job.py", place.servers, place.topic]
    rooms = [str(folder / "output"), str(folder / "state")]
    return Command([*map(str, words), *rooms, unique_name("peer")])


def _spark(place: Place, folder: Path) -> Command:
    require_tool("java", "the peer Spark")
    connector = ",".join(sorted(map(str, jars("spark").glob("*.jar"))))
    words = [environment("spark"), JOBS / "spark_job.py", place.servers, place.topic]
    rooms = [str(folder / "output"), str(folder / "checkpoints")]
    return Command(
        [*map(str, words), *rooms],
        {
            "PYSPARK_SUBMIT_ARGS": (
                f"--jars {connector} --driver-memory 2g "
                f"--conf spark.driver.extraJavaOptions={_COLLECTOR} pyspark-shell"
            ),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_LOCAL_DIRS": str(folder / "local"),
        },
    )


def _flink(place: Place, folder: Path) -> Command:
    java = require_tool("java", "the peer Flink")
    libraries = jars("flink")
    classpath = f"{classes('flink', JOBS / 'FlinkJob.java', libraries)}{os.pathsep}{libraries}/*"
    opens = [f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in _FLINK_OPENS]
    logging = f"-Dlog4j2.configurationFile={JOBS / 'flink_log4j2.properties'}"
    memory = ["-Xms2g", "-Xmx2g", _COLLECTOR]
    words = [java, *opens, logging, *memory, "-cp", classpath, "FlinkJob", JOBS / "flink_job.sql"]
    rooms = [str(folder / "output"), str(folder / "checkpoints")]
    return Command([*map(str, words), place.servers, place.topic, *rooms])


SUBJECTS: dict[str, Subject] = {
    subject.name: subject
    for subject in (
        Subject(
            OURS,
            _tidemark,
            outputs.read_tidemark,
            (ROOT / "dataflows" / "interactions.py",),
            keeps=f"recovery store, an epoch of {EPOCH_S} s",
        ),
        Subject(
            "kafka-python",
            _kafka_python,
            outputs.read_kafka_python,
            (JOBS / "kafka_python_job.py",),
            keeps="committed offsets; open windows are lost",
        ),
        Subject(
            "Bytewax, per event",
            _bytewax,
            outputs.read_lines,
            (JOBS / "bytewax_job.py",),
            keeps="nothing",
            most_events=1_000_000,
        ),
        Subject(
            "Quix Streams",
            _quix,
            outputs.read_quix,
            (JOBS / "quix_job.py",),
            keeps="RocksDB and changelog topics, a checkpoint every 5 s",
            closes_all=False,
            most_events=1_000_000,
            idle_end_s=5.0,
        ),
        Subject(
            "Spark Structured Streaming",
            _spark,
            outputs.read_spark,
            (JOBS / "spark_job.py",),
            keeps="a checkpoint each micro-batch",
            closes_all=False,
        ),
        Subject(
            "Flink SQL",
            _flink,
            outputs.read_lines,
            (JOBS / "flink_job.sql", JOBS / "FlinkJob.java"),
            keeps="a checkpoint every 2 s",
        ),
    )
}
