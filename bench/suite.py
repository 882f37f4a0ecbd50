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


SUITE: dict[str, Benchmark] = {
    "throughput": _throughput,
    "keys": _keys,
    "memory": _memory,
    "startup": _startup,
}
