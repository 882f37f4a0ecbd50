"""What the fault tests of the stores share: a data set, and a proxy before each server."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.faults_stores.data import PARTITIONS, Dataset, fill
from tests.faults_stores.proxy import FaultProxy
from tests.support.servers import InfluxDBEndpoint, KafkaEndpoint, MongoEndpoint
from tests.support.unique import unique_name


@pytest.fixture(scope="session")
def small(kafka: KafkaEndpoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dataset]:
    """Yield a topic with 12,000 interactions in 8 windows."""
    topic = kafka.create_topic(unique_name("small"), PARTITIONS)
    yield fill(kafka, topic, tmp_path_factory.mktemp("small") / "truth.parquet")
    for suffix in ("", ".dlq", ".late"):
        kafka.delete_topic(topic + suffix)


@pytest.fixture
def mongo_proxy(mongo: MongoEndpoint) -> Iterator[FaultProxy]:
    """Yield a proxy before MongoDB."""
    port = urlsplit(mongo.uri).port
    assert port is not None
    with FaultProxy(port) as proxy:
        yield proxy


@pytest.fixture
def influx_proxy(influx: InfluxDBEndpoint) -> Iterator[FaultProxy]:
    """Yield a proxy before InfluxDB."""
    port = urlsplit(influx.url).port
    assert port is not None
    with FaultProxy(port) as proxy:
        yield proxy
