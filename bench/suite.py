"""The suite: every benchmark with the sizes that its bars are about, in their order."""

from __future__ import annotations

from collections.abc import Callable

from bench.results import Result
from bench.session import Session

Benchmark = Callable[[Session], Result]

EVENTS = 2_000_000
QUICK_EVENTS = 200_000
USERS = (10_000, 100_000, 1_000_000, 5_000_000)
QUICK_USERS = (10_000, 1_000_000)
ITEMS = (2_000, 20_000, 200_000)


def _throughput(session: Session) -> Result:
    from bench.throughput import throughput

    return throughput(session, QUICK_EVENTS if session.quick else EVENTS)


def _keys(session: Session) -> Result:
    from bench.keys import keys

    if session.quick:
        return keys(session, EVENTS, QUICK_USERS, ITEMS[:1])
    return keys(session, EVENTS, USERS, ITEMS)


def _memory(session: Session) -> Result:
    from bench.keys import memory

    return memory(session, EVENTS, QUICK_USERS)


def _startup(session: Session) -> Result:
    from bench.startup import startup

    return startup(session)


def _stores(session: Session) -> Result:
    from bench.stores import stores

    return stores(session, QUICK_EVENTS if session.quick else EVENTS)


def _documents(session: Session) -> Result:
    from bench.documents import documents

    return documents(session, 250 if session.quick else 2_500, 4)


def _shape(name: str) -> Benchmark:
    def measure(session: Session) -> Result:
        from bench.shapes import SHAPES

        return SHAPES[name](session, QUICK_EVENTS if session.quick else EVENTS)

    return measure


def _generator(session: Session) -> Result:
    from bench.generation import generation

    return generation(session, QUICK_EVENTS if session.quick else EVENTS)


def _latency(session: Session) -> Result:
    from bench.latency import latency

    return latency(session, 10.0 if session.quick else 60.0, 1)


def _restart(session: Session) -> Result:
    from bench.recovery import restart

    return restart(session, 20_000.0 if session.quick else 50_000.0, 2)


def _catch_up(session: Session) -> Result:
    from bench.recovery import catch_up

    if session.quick:
        return catch_up(session, 20_000.0, 30.0)
    # Once: it takes five minutes and 12 GB of disk.
    with session.of_rounds(1) as once:
        return catch_up(once, 100_000.0, 600.0)


def _stages(session: Session) -> Result:
    from bench.stages import stages

    return stages(session, QUICK_EVENTS if session.quick else EVENTS)


def _holdout(session: Session) -> Result:
    from bench.holdout import holdout

    return holdout(session, QUICK_EVENTS if session.quick else EVENTS)


SUITE: dict[str, Benchmark] = {
    "throughput": _throughput,
    "stores": _stores,
    "documents": _documents,
    "keys": _keys,
    "memory": _memory,
    **{name: _shape(name) for name in ("sizes", "malformed", "disorder", "partitions")},
    "latency": _latency,
    "restart": _restart,
    "catch-up": _catch_up,
    "generator": _generator,
    "startup": _startup,
    "stages": _stages,
    "holdout": _holdout,
}
