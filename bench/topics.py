"""Topics of the benchmarks: filled once by the generator, reshaped where it has no setting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from bench.console import console
from bench.errors import BenchmarkError
from bench.results import Figures
from generator import GeneratorSettings, KafkaTarget, plan, send
from tests.support.servers.endpoints import KafkaEndpoint
from tests.support.unique import unique_name

WINDOW_S = 10
Reshape = Callable[[pl.DataFrame, int, int], pl.DataFrame]
"""Takes a frame of the plan, the number of its first record, and the number of partitions."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a topic is filled with."""

    events: int
    partitions: int = 3
    users: int = 10_000
    items: int = 2_000
    item_skew: float = 1.0
    stream: str = "interactions"
    event_rate: float = 50_000.0
    """Events a second of event time: with it goes how many windows there are."""
    disorder_share: float = 0.1
    disorder_s: float = 4.0
    malformed_share: float = 0.0
    even_users: int | None = None
    """So many users, each equally often, in place of `users` drawn at random."""
    size_bytes: int | None = None
    """Values of about this size, in place of the generator's own."""
    one_window: bool = False
    """All events lie in one window of WINDOW_S; `event_rate` does not count then."""
    seed: int = 1

    @property
    def keys_an_event(self) -> float:
        """Return how many users and items a window has for each event, all of them counted."""
        windows = 1.0 if self.one_window else self.events / self.event_rate / WINDOW_S
        return windows * ((self.even_users or self.users) + self.items) / self.events

    def reshapes(self) -> list[Reshape]:
        """Return what is changed of the generator's records."""
        found = []
        if self.even_users is not None:
            found.append(everybody(self.even_users))
        if self.size_bytes is not None:
            found.append(of_size(self.size_bytes))
        return found

    def settings(self) -> GeneratorSettings:
        """Return how the generator is to make it, an hour ago."""
        start = datetime.now(UTC) - timedelta(hours=1)
        rate, disorder_share = self.event_rate, self.disorder_share
        if self.one_window:
            second = int(start.timestamp()) // WINDOW_S * WINDOW_S
            start = datetime.fromtimestamp(second + 0.05 * WINDOW_S, UTC)
            rate, disorder_share = self.events / (0.9 * WINDOW_S), 0.0
        faults = {
            "out_of_order_share": disorder_share if self.disorder_s else 0.0,
            "out_of_order_s": self.disorder_s,
            "malformed_share": self.malformed_share,
        }
        population = {"users": self.users, "items": self.items, "item_skew": self.item_skew}
        settings: dict[str, Any] = {"stream": self.stream, "count": self.events}
        return GeneratorSettings(
            **settings,
            rate=None,
            event_rate=rate,
            seed=self.seed,
            start_time=start,
            population=population,
            faults=faults,
        )


@dataclass(frozen=True, slots=True)
class Place:
    """A filled topic, and what must come out of it."""

    servers: str
    topic: str
    events: int
    """All records, malformed ones too."""
    rejected: int = 0
    given: Figures = field(default_factory=dict)
    """What is in it, as the capacity model wants it."""


def fill(kafka: KafkaEndpoint, content: Content, what: str = "") -> Place:
    """Make a topic and fill it. Raises BenchmarkError unless everything is acknowledged."""
    topic = kafka.create_topic(unique_name("bench"), content.partitions)
    settings = content.settings()
    target = KafkaTarget(kafka.client_properties(), topic)
    weigher = _Weigher()
    frames = weigher.over(_reshaped(content, plan(settings, target.partitions(timeout_s=30.0))))
    delivery = send(frames, target, settings)
    if delivery.acknowledged != content.events:
        raise BenchmarkError(f"only {delivery.acknowledged} of {content.events} events are loaded")
    mean = weigher.bytes / content.events
    console.print(
        f"loaded {what or content.stream}: {content.events:,} events of {mean:.0f} B at "
        f"{content.events / delivery.seconds:,.0f} events/s"
    )
    rejected = delivery.faults["malformed"]
    given = {
        "events": float(content.events),
        "bytes_an_event": mean,
        "keys_an_event": content.keys_an_event,
        "malformed_share": rejected / content.events,
        "partitions": float(content.partitions),
        "users": float(content.even_users or content.users),
        "items": float(content.items),
    }
    return Place(kafka.bootstrap_servers, topic, content.events, rejected, given)


class _Weigher:
    def __init__(self) -> None:
        self.bytes = 0

    def over(self, frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """Yield the frames and sum their values' bytes up."""
        for frame in frames:
            self.bytes += int(frame["value"].bin.size().sum())
            yield frame


def _reshaped(content: Content, frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    reshapes = content.reshapes()
    first = 0
    for frame in frames:
        reshaped = frame
        for reshape in reshapes:
            reshaped = reshape(reshaped, first, content.partitions)
        yield reshaped
        first += frame.height


def everybody(users: int) -> Reshape:
    """Return a reshape in which every user comes equally often, in an order that looks random.

    Drawn at random, a million users in two million events would be 865,000 in fact.
    """
    # A step that shares no factor with the number of users visits each before it comes back.
    step = next(n for n in range(int(users * 0.618) | 1, 2 * users + 3, 2) if np.gcd(n, users) == 1)

    def reshape(frame: pl.DataFrame, first: int, partitions: int) -> pl.DataFrame:
        numbers = (np.arange(first, first + frame.height, dtype=np.int64) * step) % users
        user = pl.format("customer-{}", pl.col("number").cast(pl.String).str.zfill(7))
        return (
            frame.with_columns(
                pl.Series("number", numbers),
                pl.Series("partition", (numbers % partitions).astype(np.int32)),
                pl.Series("event", np.arange(first, first + frame.height)),
            )
            .with_columns(user.alias("user_id"))
            .with_columns(
                pl.col("user_id").cast(pl.Binary).alias("key"),
                _value(
                    pl.format('"page_id":"/list/tag/explore/{}",', pl.col("number") % 200),
                    pl.format('"session_id":"s{}","event_id":"{}",', "number", "event"),
                ),
            )
        )

    return reshape


def of_size(size_bytes: int) -> Reshape:
    """Return a reshape to values of about so many bytes, 100 at least.

    Ids and times are as short as they can be; a field that nobody reads fills the rest.
    """

    def reshape(frame: pl.DataFrame, first: int, partitions: int) -> pl.DataFrame:
        short = frame.with_columns(
            pl.col("user_id").str.tail(7),
            pl.col("item_id").str.tail(6),
            pl.col("timestamp").str.slice(0, len("2026-11-28T02:56:31.215")) + "Z",
        )
        bare = short.select(_value()).to_series().bin.size().to_numpy().mean()
        padding = size_bytes - round(float(bare)) - len('"note":"",')
        return short.with_columns(_value(pl.lit(_note(padding))) if padding > 0 else _value())

    return reshape


def _note(length: int) -> str:
    words = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor "
    return f'"note":"{(words * (length // len(words) + 1))[:length]}",'


def _value(*more: pl.Expr) -> pl.Expr:
    """Write the record anew, with further fields before the last one."""
    return (
        pl.concat_str(
            pl.lit("{"),
            pl.format('"user_id":"{}","item_id":"{}",', "user_id", "item_id"),
            pl.format('"interaction_type":"{}",', "interaction_type"),
            *more,
            pl.format('"timestamp":"{}"', "timestamp"),
            pl.lit("}"),
        )
        .cast(pl.Binary)
        .alias("value")
    )
