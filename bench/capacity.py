"""The capacity model: what a load needs, from what was measured. Pure: results in, numbers out.

CPU seconds per million events are a sum of terms, each a cost times what a configuration has of
it; the costs are fitted to the results by least squares of the relative error, none below zero.
So is memory at the peak: an empty process, and so much for each open key, partition, and batch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.results import Figures, Result

BATCH = 20_000
"""Records of a poll, by default."""
RESERVE = 0.5
"""Share of what a process can do that is planned for; the rest is for catching up."""
TERMS = {
    "event": "an event",
    "kilobyte": "a kilobyte of an event",
    "row": "a row that is left of an event when its batch is reduced",
    "key": "a key of a closed window",
    "malformed": "a malformed event, beside a sound one",
    "partition": "a partition more, for every event: smaller batches",
    "sqlite": "a key of a closed window of a backlog in SQLite",
}
MEMORY_TERMS = {
    "process": "memory of a process without keys",
    "key": "memory of an open key, at the peak",
    "partition": "memory of a partition more: its consumer, and what it reads ahead",
    "batch": "memory by the bytes of a batch",
}
"""In MiB, but for a key in bytes, and a batch in bytes a byte."""
_SOURCES = ("throughput", "keys", "sizes", "malformed", "partitions", "stores")


class TooFewSamples(ValueError):
    """There are not more samples than terms to fit."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One configuration and what it cost."""

    name: str
    given: Figures
    cpu_s_per_million: float
    peak_mib: float
    busy: float
    """CPU seconds a second: cores that the process kept busy."""


@dataclass(frozen=True, slots=True)
class Model:
    """Costs in CPU microseconds by term, and memory by its terms."""

    costs_us: dict[str, float]
    memory: dict[str, float]
    busy: float

    def cpu_s_per_million(self, given: Figures) -> float:
        """Return what a million events cost."""
        terms = terms_of(given)
        return sum(self.costs_us[name] * value for name, value in terms.items())

    def events_per_s(self, given: Figures) -> float:
        """Return what one process can do at most."""
        return self.busy * 1e6 / self.cpu_s_per_million(given)

    def peak_mib(self, given: Figures) -> float:
        """Return the most memory of a process that holds all keys of a window."""
        terms = memory_terms_of(given)
        return sum(self.memory[name] * value for name, value in terms.items())


def terms_of(given: Figures) -> dict[str, float]:
    """Return how much a configuration has of each term, for one event."""
    partitions = given["partitions"]
    keys = given["keys_an_event"]
    return {
        "event": 1.0,
        "kilobyte": given["bytes_an_event"] / 1e3,
        "row": _distinct_share(given["users"] / partitions) + _distinct_share(given["items"]),
        "key": keys,
        "malformed": given["malformed_share"],
        "partition": partitions,
        "sqlite": keys * given.get("sqlite", 0.0),
    }


def memory_terms_of(given: Figures) -> dict[str, float]:
    """Return how much a configuration has of each term of memory, in MiB where it is of bytes."""
    return {
        "process": 1.0,
        "key": open_keys(given) / 2**20,
        "partition": given["partitions"],
        "batch": BATCH * given["bytes_an_event"] / 2**20,
    }


def open_keys(given: Figures) -> float:
    """Return how many users and items a window has at most."""
    return given["users"] + given["items"]


def _distinct_share(keys: float) -> float:
    """Return the distinct keys of a batch by its records, keys being drawn evenly."""
    return keys * -math.expm1(-BATCH / keys) / BATCH


def samples(results: Mapping[str, Result], names: Sequence[str] = _SOURCES) -> list[Sample]:
    """Return the configurations of one process that some results tell of."""
    found = []
    for result in (results[name] for name in names if name in results):
        for subject, given in result.given.items():
            if "influx" in given:
                continue  # a server that shares the cores
            cpu, peak = result.of(subject, "cpu_s_per_million"), result.of(subject, "peak_mib")
            busy = np.median(np.divide(result.of(subject, "cpu_s"), result.of(subject, "seconds")))
            found.append(
                Sample(
                    f"{result.name}: {subject}",
                    given,
                    float(np.median(cpu)),
                    float(np.median(peak)),
                    float(busy),
                )
            )
    return found


def fit(found: Sequence[Sample]) -> Model:
    """Fit the model. Raises TooFewSamples."""
    if len(found) <= len(TERMS):
        raise TooFewSamples(f"{len(found)} samples are too few for {len(TERMS)} terms")
    measured = np.array([each.cpu_s_per_million for each in found])
    rows = np.array([list(terms_of(each.given).values()) for each in found])
    costs = _non_negative(rows / measured[:, None], np.ones(len(found)))
    peaks = np.array([each.peak_mib for each in found])
    held = np.array([list(memory_terms_of(each.given).values()) for each in found])
    memory = _non_negative(held / peaks[:, None], np.ones(len(found)))
    return Model(
        dict(zip(TERMS, map(float, costs), strict=True)),
        dict(zip(MEMORY_TERMS, map(float, memory), strict=True)),
        float(np.median([each.busy for each in found])),
    )


def _non_negative(rows: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve by least squares, with no coefficient below zero.

    The most negative one is set to zero and the others are fitted again, until none is: for the few
    terms here that finds what Lawson and Hanson's algorithm does, or something as plain.
    """
    kept = list(range(rows.shape[1]))
    while True:
        solved, *_ = np.linalg.lstsq(rows[:, kept], wanted, rcond=None)
        if not len(kept) or solved.min() >= 0.0:
            costs = np.zeros(rows.shape[1])
            costs[kept] = solved
            return costs
        kept.pop(int(np.argmin(solved)))


@dataclass(frozen=True, slots=True)
class Need:
    """What a load needs, a reserve for catching up included."""

    cores: float
    processes: int
    gib_a_process: float
    network_mbit_per_s: float
    """Into the job, from the broker, values alone, without compression."""
    documents_per_s: float
    """Current aggregates by user and item; the windows' own are a few more."""
    state_mb: float


def need(model: Model, events_per_s: float, given: Figures, window_s: float) -> Need:
    """Return what a steady load needs; `given` is one process's view, all keys in it."""
    per_window = events_per_s * window_s
    given = {**given, "keys_an_event": open_keys(given) / per_window}
    # Each process has its share of the partitions, so the size of batches is that of one process.
    one = model.events_per_s(given)
    processes = max(1, math.ceil(events_per_s / (one * RESERVE)))
    shared = ("users", "items", "partitions")
    own = {**given, **{name: given[name] / processes for name in shared}}
    return Need(
        cores=events_per_s * model.cpu_s_per_million(given) / 1e6 / RESERVE,
        processes=processes,
        gib_a_process=model.peak_mib(own) / 1024,
        network_mbit_per_s=events_per_s * given["bytes_an_event"] * 8 / 1e6,
        documents_per_s=open_keys(given) / window_s,
        state_mb=open_keys(given) * model.memory["key"] / 1e6,
    )


@dataclass(frozen=True, slots=True)
class Limit:
    """Something that there is only so much of, and the load at which it is used up."""

    what: str
    most: str
    events_per_s: float


def limits(model: Model, results: Mapping[str, Result], given: Figures) -> list[Limit]:
    """Return what a growing load reaches, in the order in which it does.

    Every user has ten events a window of 10 s: there are as many users in it as events a second.
    """
    one = model.events_per_s(given) * RESERVE
    event_bits = given["bytes_an_event"] * 8
    found = [
        Limit("one process, half of it as a reserve", "1 process", one),
        Limit("the default number of key groups, one a process", "16 processes", 16 * one),
        Limit("a network card of 10 Gbit/s, values alone", "10 Gbit/s", 10e9 / event_bits),
        Limit("a network card of 100 Gbit/s, values alone", "100 Gbit/s", 100e9 / event_bits),
    ]
    stored = {}
    if (sqlite_us := model.costs_us["sqlite"]) > 0.0:
        stored["SQLite, one core writing a backlog"] = 1e6 / sqlite_us
    if "documents" in results:
        rates = results["documents"].of("our store, guarded updates", "documents_per_s")
        stored["the stand-in for MongoDB, one connection"] = float(np.median(rates))
    for what, most in stored.items():
        users_per_s = most - given["items"] / 10.0
        found.append(Limit(what, f"{most:,.0f} documents/s", max(0.0, users_per_s * 10.0)))
    return sorted(found, key=lambda limit: limit.events_per_s)
