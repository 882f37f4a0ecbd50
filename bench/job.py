"""The subject: the main job, bounded, one process of it. Settings come from the environment."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig
from bytewax.run import cli_main

from bench.measure import Stopwatch, report
from dataflows.assembly import assemble
from dataflows.catalog import chosen
from dataflows.surroundings import surroundings, topics_there
from sinks.commands import Command, WritePoints
from sinks.null import NullStore
from sinks.store import Store, StoreFactory
from tidemark.config import load_settings


class Tally:
    """Sums the events of the windows that come out, whatever store they go to."""

    def __init__(self) -> None:
        self.events = 0
        self._lock = threading.Lock()

    def store(self) -> Store:
        """Return a store that counts and keeps nothing."""
        tally = self

        class Counting(NullStore):
            def write(self, commands: Sequence[Command]) -> None:
                points = [p for c in commands if isinstance(c, WritePoints) for p in c.points]
                with tally._lock:
                    tally.events += sum(
                        int(p.fields["events"]) for p in points if p.measurement == "pipeline"
                    )

        return Counting()


def main() -> None:
    """Run the job over what is in the topic, and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--recovery", type=Path)
    parser.add_argument("--epoch-s", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--process", type=int)
    parser.add_argument("--addresses")
    args = parser.parse_args()
    settings = load_settings()
    tally = Tally()
    env = surroundings(settings)
    env = replace(env, series=[*env.series, StoreFactory("tally", tally.store)])
    flow = Dataflow("tidemark")
    assemble(flow, env, settings, chosen(settings, topics_there(settings)))
    recovery = None
    if args.recovery:
        recovery = RecoveryConfig(args.recovery, timedelta(0))  # type: ignore[no-untyped-call] # native
    watch = Stopwatch()
    cli_main(  # type: ignore[no-untyped-call] # native
        flow,
        workers_per_process=args.workers,
        process_id=args.process,
        addresses=args.addresses.split(";") if args.addresses else None,
        epoch_interval=timedelta(seconds=args.epoch_s),
        recovery_config=recovery,
    )
    report(watch.stop(tally.events))


if __name__ == "__main__":
    main()
