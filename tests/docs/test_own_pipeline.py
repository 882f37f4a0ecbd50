"""The pipeline of docs/your-own-pipeline.md, taken from the page and run on real servers."""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from urllib3 import PoolManager

from tests.sinks.readers import sqlite_documents
from tests.support.producing import START, produce
from tests.support.running import ROOT, TIDEMARK, run
from tests.support.servers import InfluxDBEndpoint, KafkaEndpoint

PAGE = (ROOT / "docs" / "your-own-pipeline.md").read_text()


def block(language: str) -> str:
    """Return the first block of code of a language on the page."""
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def expected(kafka: KafkaEndpoint) -> dict[str, Any]:
    """Fill topic `returns`; return what the windows should hold."""
    chance = random.Random(7)
    kafka.create_topic("returns", 2)
    windows: dict[str, dict[str, list[int]]] = {}
    sent: dict[int, list[bytes]] = {0: [], 1: []}
    for second in range(300):
        cents = chance.randrange(1, 100_000)
        reason = chance.choice(["broken", "too late", "2.0 $", None])
        start = START + timedelta(seconds=second // 60 * 60)
        record = {
            "product_id": f"lamp-{chance.randrange(9)}",
            "amount": cents / 100,
            "timestamp": (START + timedelta(seconds=second)).isoformat(),
            **({"reason": reason} if reason else {}),
        }
        sent[second % 2].append(json.dumps(record).encode())
        group = windows.setdefault(f"returns/{start:%Y-%m-%dT%H:%M:%SZ}", {})
        group.setdefault(reason or "unknown", []).append(cents)
    sent[1].insert(50, b'{"product_id": "lamp-1", "amount": "much"}')
    for partition, values in sent.items():
        produce(kafka, "returns", partition, values)
    return {
        identity: {
            reason: {"returns": len(cents), "cost": sum(cents) / 100}
            for reason, cents in by_reason.items()
        }
        for identity, by_reason in windows.items()
    }


def test_the_pipeline_of_the_page_runs_alone_and_with_the_others(
    expected: Mapping[str, Any],
    kafka: KafkaEndpoint,
    influx: InfluxDBEndpoint,
    influx_database: str,
    tmp_path: Path,
) -> None:
    code = block("python")
    assert len(code.splitlines()) < 60
    (tmp_path / "returns.py").write_text(code)
    (tmp_path / "config.yaml").write_text(block("yaml"))
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "TIDEMARK_SOURCE__UNTIL_END": "true",
        "TIDEMARK_ENGINE__EPOCH_INTERVAL_S": "1",
        "TIDEMARK_SERIES__URLS": f"sqlite:out.db,{influx.url}",
        "INFLUX_TOKEN": influx.token or "none:none",
        "INFLUX_BUCKET": influx_database,
    }
    ways = {
        "alone.db": (sys.executable, "-m", "bytewax.run", "returns"),
        "all.db": (*TIDEMARK, "run", "--until-end", "--processes", "2"),
    }
    for store, command in ways.items():
        more = {"TIDEMARK_DOCUMENTS__URLS": f"sqlite:{store}", "TIDEMARK_PIPELINES__ONLY": "[]"}
        done = run(command, tmp_path, {**settings, **more})
        assert done.code == 0, done.stderr
        read = sqlite_documents(tmp_path / store)
        found = {key: each["by_reason"] for key, each in read("aggregated_data").items()}
        assert found == expected
        assert sum(each["read"] for each in read("pipeline_status").values()) == 301
        assert sum(each["rejected"] for each in read("pipeline_status").values()) == 1

    listed = run((*TIDEMARK, "dlq", "list", "returns"), tmp_path, settings)
    assert listed.code == 0, listed.stderr
    assert "returns.dlq: 1 record and a copy of it" in listed.stdout, "each run has rejected it"
    assert "1@50  key (none)  invalid_schema" in listed.stdout

    query = block("sql").replace("$timeFilter", f"time >= '{START:%Y-%m-%dT%H:%M:%SZ}'")
    rows = _answer(influx, influx_database, query.replace("$__interval", "1h"))
    returned = {series["tags"]["reason"]: series["values"][0][1] for series in rows}
    assert returned == {
        reason: sum(window.get(reason, {"returns": 0})["returns"] for window in expected.values())
        for reason in ("broken", "too late", "2.0 $", "unknown")
    }


def _answer(influx: InfluxDBEndpoint, database: str, query: str) -> list[dict[str, Any]]:
    """Ask as Grafana does."""
    answer = PoolManager().request(
        "POST",
        f"{influx.url}/query",
        fields={"db": database, "q": query.strip() + " LIMIT 1"},
        headers={"Authorization": f"Token {influx.token}"},
        encode_multipart=False,
    )
    (result,) = json.loads(answer.data)["results"]
    found: list[dict[str, Any]] = result["series"]
    return found
