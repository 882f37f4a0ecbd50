"""Tidemark: exact tumbling-window statistics from Kafka streams, in MongoDB, InfluxDB or SQLite."""

from __future__ import annotations

__version__ = "0.1.0"
