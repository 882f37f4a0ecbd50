"""Results made up for tests: a machine whose costs are known exactly."""

from __future__ import annotations

from typing import Any

from bench.capacity import memory_terms_of, terms_of
from bench.results import Bar, Figures, Origin, Result

ORIGIN = Origin("a processor", 2, 24.0, "3.12.1", "Linux 6", "0123456789", "2026-11-28T03:00:00Z")
COSTS_US = {
    "event": 1.5,
    "kilobyte": 0.4,
    "row": 0.9,
    "key": 2.0,
    "malformed": 3.0,
    "partition": 0.02,
    "sqlite": 8.0,
}
MEMORY = {"process": 250.0, "key": 200.0, "partition": 12.0, "batch": 4.0}
USERS, ITEMS = [10_000, 100_000, 1_000_000, 5_000_000], [20_000, 200_000]
BUSY = 1.05


def given(
    users: float = 10_000.0,
    items: float = 2_000.0,
    partitions: float = 3.0,
    size: float = 200.0,
    malformed: float = 0.0,
    windows: float = 4.0,
    **more: float,
) -> Figures:
    events = 2e6
    return {
        "events": events,
        "users": users,
        "items": items,
        "partitions": partitions,
        "bytes_an_event": size,
        "malformed_share": malformed,
        "keys_an_event": windows * (users + items) / events,
        **more,
    }


def run(of: Figures) -> Figures:
    """Return the figures of a run on that machine."""
    cpu = sum(COSTS_US[name] * value for name, value in terms_of(of).items())
    return {
        "cpu_s_per_million": cpu,
        "cpu_s": 2 * cpu,
        "seconds": 2 * cpu / BUSY,
        "peak_mib": sum(MEMORY[name] * value for name, value in memory_terms_of(of).items()),
        "events_per_s": 1e6 * BUSY / cpu,
        "events_per_cpu_s": 1e6 / cpu,
    }


def result(
    name: str, subjects: dict[str, Figures], bars: list[Bar] | None = None, **settings: Any
) -> Result:
    return Result(
        name,
        ORIGIN,
        {"rounds": 1, "events": 2_000_000, **settings},
        {subject: [run(of)] for subject, of in subjects.items()},
        bars or [],
        given=subjects,
    )


def results() -> dict[str, Result]:
    """Return results in which every term of the model varies."""
    found = [
        result("throughput", {"one process": given()}),
        result(
            "keys",
            {
                f"{users:,} users, {items:,} items": given(users, items, windows=1.0)
                for users, items in (*((n, 2_000) for n in USERS), *((10_000, n) for n in ITEMS))
            },
            users=USERS,
            items=[2_000, *ITEMS],
        ),
        result("sizes", {f"{size} B": given(size=size) for size in (100.0, 1_000.0, 5_000.0)}),
        result("malformed", {f"{share:.0%}": given(malformed=share) for share in (0.01, 0.2)}),
        result("partitions", {f"{n:.0f}": given(partitions=n) for n in (1.0, 12.0, 48.0)}),
        result("stores", {"no store": given(), "SQLite": given(sqlite=1.0)}),
        result("holdout", {"a mixture": given(3e5, 2e4, 6.0, 600.0, 0.05, sqlite=1.0)}),
    ]
    return {each.name: each for each in found}
