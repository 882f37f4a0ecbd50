"""The main job with a promise taken out, to see that the comparison notices: negative controls.

    tidemark run --flow tests.faults.flows:without_guard

`unharmed` is the main job, `without_guard` adds a window to the aggregates although it was added
before, `without_drain` counts a snapshot as done before the stores have taken what was written. In
each of them, while the file that HOLD names exists, stores take documents only later: what a slow
store does, in a way that a test can rely on. The first that waits makes the file `<HOLD>.waits`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bytewax.dataflow import Dataflow

    from sinks.commands import Command

HOLD = "FAULTS_HOLD"


def __getattr__(name: str) -> Dataflow:
    changes: dict[str, Callable[[], None]] = {
        "unharmed": lambda: None,
        "without_guard": _take_the_guard_out,
        "without_drain": _take_the_drain_out,
    }
    if name not in changes:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from dataflows import main

    changes[name]()
    _hold_writes_back()
    return main.flow


def _take_the_guard_out() -> None:
    from sinks import sqlite_aggregates
    from sinks.sqlite_layout import accumulate_statement as guarded

    def unguarded(*args: Any, **kwargs: Any) -> Any:
        statement = guarded(*args, **kwargs)
        head, where, condition = statement.tail.rpartition("WHERE")
        assert where, "the upsert has no condition"
        assert "last_window_us <" in condition, condition
        return replace(statement, tail=head)

    vars(sqlite_aggregates)["accumulate_statement"] = unguarded


def _take_the_drain_out() -> None:
    from dataflows.streaming.outputs import LanePartition

    LanePartition.snapshot = lambda self: 0  # type: ignore[method-assign] # for this process only


def _hold_writes_back() -> None:
    from sinks.sqlite import SQLiteStore

    write = SQLiteStore.write

    def later(self: SQLiteStore, commands: Sequence[Command]) -> None:
        hold = os.environ.get(HOLD)
        while hold and Path(hold).exists():
            Path(f"{hold}.waits").touch()
            time.sleep(0.05)
        write(self, commands)

    SQLiteStore.write = later  # type: ignore[method-assign] # for this process only
