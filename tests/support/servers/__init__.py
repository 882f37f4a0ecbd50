"""Real servers for tests and benchmarks, without containers.

Each is installed into a cache folder outside the repository on first use, listens on loopback
only, and ends with the process that started it.
"""

from __future__ import annotations

from tests.support.servers.endpoints import InfluxDBEndpoint, KafkaEndpoint, MongoEndpoint
from tests.support.servers.errors import ServerError, ToolMissingError
from tests.support.servers.influxdb import InfluxDB
from tests.support.servers.kafka import Kafka
from tests.support.servers.mongodb import Mongo

__all__ = [
    "InfluxDB",
    "InfluxDBEndpoint",
    "Kafka",
    "KafkaEndpoint",
    "Mongo",
    "MongoEndpoint",
    "ServerError",
    "ToolMissingError",
]
