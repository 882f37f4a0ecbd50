"""The whole stack, as docker-compose.yml has it, run through without containers.

Broker with SASL_SSL and SCRAM, MongoDB's protocol with TLS and SCRAM, InfluxDB with logins; topics,
generator, dataflow and live page by the commands and environments of their services.
"""

from __future__ import annotations

import base64
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from tests.deploy.stack import READ_PASSWORD, WRITE_PASSWORD, Stack, openssl_is_there
from tests.support.running import ROOT, Running
from tidemark.observability.exposition import families

pytestmark = pytest.mark.skipif(not openssl_is_there(), reason="openssl is not installed")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Yield the stack with its servers up; its processes are the tests' to start."""
    started: list[Any] = []
    directory = tmp_path_factory.mktemp("stack")

    def start(kind: Any) -> Any:
        server = kind(directory / f"server-{len(started)}")
        started.append(server)
        return server.start()

    try:
        yield Stack(directory, start)
    finally:
        for server in started:
            server.stop()


def get(url: str, token: str = "") -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


def reader(stack: Stack) -> MongoClient[dict[str, Any]]:
    """Return a client that is the live page's user."""
    return MongoClient(stack.settings("dashboard")["MONGO_URI"], serverSelectionTimeoutMS=5000)


ASIDE = {"_id", "rejected", "late", "duplicates"}
"""In every document; the books, which the page explains elsewhere."""


def points(stack: Stack, measurement: str) -> int:
    """Count the points of a measurement."""
    return len(influxql(stack, f"SELECT * FROM {measurement}"))


def influxql(stack: Stack, query: str) -> list[dict[str, Any]]:
    """Ask InfluxDB as Grafana's user does; return rows."""
    credentials = base64.b64encode(f"tidemark-read:{READ_PASSWORD}".encode()).decode()
    request = urllib.request.Request(
        f"{stack.influxdb.url}/query?db=tidemark&q={urllib.parse.quote(query)}",
        headers={"Authorization": f"Basic {credentials}"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        series = json.load(answer)["results"][0].get("series", [])
    return [
        dict(zip(each["columns"], values, strict=True))
        for each in series
        for values in each["values"]
    ]


def generated(stack: Stack, seconds: int) -> int:
    """Send events as the generator of the stack does, for a while; return how many."""
    done = stack.finish("generator", "--duration", str(seconds))
    assert done.code == 0, done.stderr
    return 500 * seconds


def read_so_far(stack: Stack) -> dict[str, dict[str, Any]]:
    with reader(stack) as client:
        return {each["_id"]: each for each in client["tidemark"]["pipeline_status"].find()}


def sample(text: str, name: str) -> list[tuple[dict[str, str], float]]:
    return [
        (each.labels, each.value)
        for family in families(text)
        for each in family.samples
        if each.name == name
    ]


def test_the_stack_from_topics_to_pages(stack: Stack) -> None:
    made = stack.finish("topics")
    assert made.code == 0, made.stderr
    base = f"http://127.0.0.1:{stack.observability_port}"

    with stack.running("dataflow") as dataflow:
        dataflow.wait_until(lambda: get(f"{base}/readyz")[0] == 200, what="readiness")
        sent = generated(stack, 12)
        _wait_for_windows(stack, dataflow)
        dataflow.wait_until(
            lambda: sum(each["read"] for each in _of_every_topic(stack)) >= sent,
            what=f"all {sent} records",
        )
        _books_balance_in_the_metrics(get(f"{base}/metrics")[1], sent)
        for measurement in ("pipeline", "interactions_summary", "activity"):
            dataflow.wait_until(
                lambda name=measurement: points(stack, name) > 0,  # type: ignore[misc]
                what=f"points of {measurement}",
            )

        _everything_stored_is_on_the_contract_page(stack)
        with stack.running("dashboard") as page:
            token = stack.settings("dashboard")["DASHBOARD_TOKEN"]
            address = f"http://127.0.0.1:{stack.dashboard_port}/"
            page.wait_until(lambda: get(f"{address}healthz")[0] == 200, what="the live page")
            program = f"{address}static/app.js"
            assert get(program)[0] == 401
            assert get(program, token + "x")[0] == 401
            assert get(program, token)[0] == 200
            assert get(address, token)[0] == 200

        assert dataflow.interrupt() == 130

    stack.kafka.restart()
    with stack.running("dataflow") as again:
        again.wait_until(lambda: get(f"{base}/readyz")[0] == 200, what="readiness, again")
        sent += generated(stack, 2)
        again.wait_until(
            lambda: sum(each["read"] for each in _of_every_topic(stack)) >= sent,
            what=f"all {sent} records, resumed",
        )
        assert sum(each["read"] for each in _of_every_topic(stack)) == sent
        assert again.interrupt() == 130


def _of_every_topic(stack: Stack) -> list[dict[str, Any]]:
    """Return one status of each partition: pipelines of one topic read it together."""
    by_partition = {(s["topic"], s["partition"]): s for s in read_so_far(stack).values()}
    return list(by_partition.values())


def _wait_for_windows(stack: Stack, dataflow: Running) -> None:
    def closed() -> bool:
        with reader(stack) as client:
            return client["tidemark"]["aggregated_data"].count_documents({}) > 0

    dataflow.wait_until(closed, what="a window in MongoDB")


def _everything_stored_is_on_the_contract_page(stack: Stack) -> None:
    """Compare names of collections, types, fields and measurements with docs/contract.md."""
    page = (ROOT / "docs" / "contract.md").read_text()
    told = set(re.findall(r"[a-z_]+", page))
    with reader(stack) as client:
        database = client["tidemark"]
        stored = set(database.list_collection_names())
        for document in database["aggregated_data"].find():
            stored |= {document["type"], *document} - ASIDE
    stored |= {each["name"] for each in influxql(stack, "SHOW MEASUREMENTS")}
    stored |= {each["fieldKey"] for each in influxql(stack, "SHOW FIELD KEYS")}
    stored |= {each["tagKey"] for each in influxql(stack, "SHOW TAG KEYS")}
    assert {"user_stats", "interactions_summary", "activity"} <= stored
    assert stored - told == set()


def _books_balance_in_the_metrics(text: str, sent: int) -> None:
    read = {
        (labels["topic"], labels["partition"]): value
        for labels, value in sample(text, "tidemark_source_records_total")
    }
    assert sum(read.values()) == sent
    pipelines: dict[tuple[str, str], set[str]] = {}
    for labels, _ in sample(text, "tidemark_source_on_time_records_total"):
        pipelines.setdefault((labels["topic"], labels["partition"]), set()).add(labels["pipeline"])
    assert pipelines
    for place, names in pipelines.items():
        for pipeline in names:
            booked = sum(
                value
                for name in ("rejected", "late", "filtered", "on_time")
                for labels, value in sample(text, f"tidemark_source_{name}_records_total")
                if (labels["topic"], labels["partition"]) == place
                and labels.get("pipeline", pipeline) == pipeline
            )
            assert booked == read[place], (place, pipeline)


WRONG = {
    "kafka password": {"KAFKA_SASL_PASSWORD": "wrongkafkapassword"},
    "kafka user": {"TIDEMARK_KAFKA__SASL_USERNAME": "nobody"},
    "kafka without tls": {"TIDEMARK_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT"},
    "kafka by another authority": {"TIDEMARK_KAFKA__SSL_CA_LOCATION": "/other.pem"},
    "mongodb password": {"MONGO_URI": ":secretmongopassword@"},
    "mongodb without tls": {"MONGO_URI": "&tls=true&tlsCAFile="},
    "mongodb by another authority": {"MONGO_URI": "ca.pem"},
    "influxdb token": {"INFLUX_TOKEN_FILE": "/wrong-token"},
    "influxdb token that may only read": {"INFLUX_TOKEN_FILE": "/read-token"},
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_credentials_are_refused_with_a_message(
    stack: Stack, what: str, tmp_path: Path
) -> None:
    assert stack.finish("topics").code == 0
    (tmp_path / "wrong-token").write_text("tidemark-write:wronginfluxtoken")
    other = tmp_path / "other.pem"
    other.write_text(another_authority(tmp_path))
    settings = stack.settings("dataflow")
    name, change = next(iter(WRONG[what].items()))
    wrong = {
        ":secretmongopassword@": settings["MONGO_URI"].replace("secretmongop", "wrongmongop"),
        "&tls=true&tlsCAFile=": settings["MONGO_URI"].partition("&tls=")[0],
        "ca.pem": settings["MONGO_URI"].replace(str(stack.directory / "ca" / "ca.pem"), str(other)),
        "/other.pem": str(other),
        "/wrong-token": str(tmp_path / "wrong-token"),
        "/read-token": str(stack.directory / "tokens" / "read-token"),
    }.get(change, change)
    done = stack.finish(
        "dataflow",
        "--until-end",
        **{
            name: wrong,
            "TIDEMARK_KAFKA__START_TIMEOUT_S": "3",
            "TIDEMARK_STORES__TIMEOUT_S": "3",
            "TIDEMARK_RECOVERY__DIRECTORY": str(tmp_path / "recovery"),
        },
    )
    printed = done.stdout + done.stderr
    assert done.code == 1, printed
    assert "error: " in printed
    assert "Traceback" not in printed
    assert_no_secret(stack, {"printed": printed})
    for secret in ("wrongkafkapassword", "wrongmongopassword", "wronginfluxtoken"):
        assert secret not in printed


def another_authority(directory: Path) -> str:
    """Return the certificate of an authority that has signed nothing."""
    from tests.support.servers.cache import run_step

    run_step(
        *["openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", "-subj", "/CN=other"],
        *["-keyout", str(directory / "other.key"), "-out", str(directory / "made.pem")],
    )
    return (directory / "made.pem").read_text()


def test_the_live_pages_user_may_read_and_not_write(stack: Stack) -> None:
    with reader(stack) as client:
        client["tidemark"]["user_stats"].find_one()
        with pytest.raises(OperationFailure):
            client["tidemark"]["user_stats"].insert_one({"_id": "x"})


def test_the_users_of_influxdb_may_do_one_thing_each(stack: Stack) -> None:
    for user, password, allowed in (
        ("tidemark-write", WRITE_PASSWORD, "write"),
        ("tidemark-read", READ_PASSWORD, "read"),
    ):
        request = urllib.request.Request(
            f"{stack.influxdb.url}/api/v2/write?bucket=tidemark&precision=s",
            data=b"probe value=1 1",
            headers={"Authorization": f"Token {user}:{password}"},
        )
        if allowed == "write":
            urllib.request.urlopen(request, timeout=10).close()
        else:
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(request, timeout=10)


def test_no_secret_appears_in_anything_that_was_printed_or_served(stack: Stack) -> None:
    """Also where everything is logged and shown, and where a process ends in a crash."""
    settings = {"TIDEMARK_LOGGING__LEVEL": "debug"}
    base = f"http://127.0.0.1:{stack.observability_port}"
    served = {}
    with stack.running("dataflow", **settings) as dataflow:
        dataflow.wait_until(lambda: get(f"{base}/readyz")[0] == 200, what="readiness")
        for path in ("/readyz", "/healthz", "/metrics"):
            served[path] = get(base + path)[1]
        stack.mongodb.stop()
        dataflow.wait_until(lambda: get(f"{base}/readyz")[0] == 503, what="unreadiness")
        served["/readyz without MongoDB"] = get(f"{base}/readyz")[1]
        stack.mongodb.start()
        dataflow.interrupt()
    shown = stack.running_command(["config", "show"], "dataflow")
    as_json = stack.running_command(["config", "show", "--json"], "dataflow")
    assert shown.code == as_json.code == 0
    assert "******" in shown.stdout
    served |= {"config show": shown.stdout, "config show --json": as_json.stdout}
    outputs = stack.outputs()
    assert len(outputs) >= 1
    assert_no_secret(stack, served | outputs)


def assert_no_secret(stack: Stack, texts: dict[str, str]) -> None:
    from tests.deploy.composing import secrets

    planted = [f"secret{name.replace('_', '').lower()}" for name in secrets()]
    for where, text in texts.items():
        for secret in (*planted, WRITE_PASSWORD, READ_PASSWORD):
            assert secret not in text, where
