"""The topics of a comparison and their truth, kept in a folder for later runs on one broker."""

from __future__ import annotations

from pathlib import Path

import msgspec
import polars as pl

from bench.console import console
from bench.peers.truth import count_topic
from bench.topics import WINDOW_S, Content, Place, fill
from tests.support.servers.endpoints import KafkaEndpoint

START_UP_EVENTS = 1_000
"""Of the run that shows what starting costs."""
_LEAST_WINDOWS = 4


class Rooms:
    """Topics are filled when they are first asked for."""

    def __init__(self, folder: Path, kafka: KafkaEndpoint) -> None:
        self._folder = folder
        self._kafka = kafka
        folder.mkdir(parents=True, exist_ok=True)

    def place(self, events: int) -> tuple[Place, pl.DataFrame]:
        """Return a topic with so many events, and its truth."""
        file = self._folder / f"{events}.json"
        counts = self._folder / f"{events}.parquet"
        if file.exists():
            place = msgspec.json.decode(file.read_bytes(), type=Place)
            if place.servers == self._kafka.bootstrap_servers:
                return place, pl.read_parquet(counts)
        place = fill(self._kafka, content(events))
        truth = count_topic(place)
        truth.write_parquet(counts)
        file.write_bytes(msgspec.json.encode(place))
        console.print(f"{truth.height:,} counts in {truth['start_s'].n_unique()} windows")
        return place, truth


def content(events: int) -> Content:
    """Return a topic's content: 50,000 events a second, slower where too few windows came."""
    return Content(events, event_rate=min(50_000.0, events / (_LEAST_WINDOWS * WINDOW_S)))
