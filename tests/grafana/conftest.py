"""An InfluxDB that every measurement has been written to, for three hours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.grafana.asking import Asker, last_hours
from tests.grafana.data import everything, store
from tests.support.servers import InfluxDBEndpoint
from tests.support.unique import unique_name


@pytest.fixture(scope="package")
def filled(influx: InfluxDBEndpoint) -> Iterator[Asker]:
    """Yield a database with three hours of all measurements that end now."""
    database = influx.create_database(unique_name("grafana"))
    span = last_hours(3)
    store(influx, database, everything(span.start, span.end))
    yield Asker(influx, database, span)
    influx.drop_database(database)
