"""Tiny dataflows for the supervisor's tests: two counted partitions, summed into files."""

from __future__ import annotations

import json
import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from tidemark.errors import ConfigError, Problem, TidemarkError

LIMIT = int(os.environ.get("TEST_FLOW_LIMIT", "0"))
OUT = Path(os.environ.get("TEST_FLOW_OUT", "."))
FAIL = os.environ.get("TEST_FLOW_FAIL", "")


class Permanent(TidemarkError):
    permanent = True


def misbehave(place: str) -> None:
    """Fail at `place` in the way that TEST_FLOW_FAIL asks for, as `place:kind`."""
    where, _, kind = FAIL.partition(":")
    if where != place:
        return
    once = OUT / f"failed-{place}"
    if kind.endswith("-once"):
        if once.exists():
            return
        once.touch()
        kind = kind.removesuffix("-once")
    if kind == "known":
        raise TidemarkError("the pond is dry", remedy="wait for rain")
    if kind == "permanent":
        raise Permanent("the pond is gone", remedy="dig another")
    if kind == "config":
        raise ConfigError([Problem("pond.depth", "-1", "a depth", "dig", "config.yaml:1")])
    if kind == "bug":
        raise ZeroDivisionError("a bug")
    if kind == "secret":
        raise RuntimeError(f"no way in by {os.environ['MONGO_URI']}")
    if kind == "deaf":
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        time.sleep(600)
    raise AssertionError(kind)


class Count(StatefulSourcePartition[tuple[str, int], int]):
    def __init__(self, name: str, done: int) -> None:
        self.name = name
        self.done = done
        self.awake = datetime.now(UTC)

    def next_batch(self) -> list[tuple[str, int]]:
        if LIMIT and self.done >= LIMIT:
            raise StopIteration
        if self.done > 20:
            misbehave("running")
        self.done += 1
        self.awake = datetime.now(UTC) + timedelta(milliseconds=10)
        return [(self.name, self.done)]

    def next_awake(self) -> datetime:
        return self.awake

    def snapshot(self) -> int:
        return self.done


class Counts(FixedPartitionedSource[tuple[str, int], int]):
    def list_parts(self) -> list[str]:
        misbehave("list")
        return ["a", "b"]

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> Count:
        return Count(for_part, resume_state or 0)


class Lines(StatefulSinkPartition[Any, None]):
    def __init__(self, path: Path) -> None:
        self.file = path.open("a")

    def write_batch(self, values: list[Any]) -> None:
        for value in values:
            self.file.write(json.dumps(value) + "\n")
        self.file.flush()

    def snapshot(self) -> None:
        return None

    def close(self) -> None:
        self.file.write('"closed"\n')
        self.file.close()


class Files(FixedPartitionedSink[Any, None]):
    def list_parts(self) -> list[str]:
        return ["a", "b"]

    def part_fn(self, item_key: str) -> int:
        return "ab".index(item_key)

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> Lines:
        return Lines(OUT / f"{for_part}.jsonl")


def build() -> Dataflow:
    misbehave("load")
    flow = Dataflow("counting")
    numbers = op.input("numbers", flow, Counts())

    def add(total: int | None, number: int) -> tuple[int, tuple[int, int]]:
        total = (total or 0) + number
        return total, (number, total)

    sums = op.stateful_map("sum", numbers, add)
    op.output("files", sums, Files())
    return flow


def __getattr__(name: str) -> Dataflow:
    if name == "flow":
        return build()
    raise AttributeError(name)
