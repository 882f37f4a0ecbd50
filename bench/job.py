"""The subject: the main job, bounded, one process of it. Settings come from the environment."""

from __future__ import annotations

import argparse
import json
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig
from bytewax.run import cli_main
from prometheus_client import REGISTRY

from bench.measure import Stopwatch, report
from dataflows.assembly import assemble
from dataflows.catalog import chosen
from dataflows.surroundings import surroundings, topics_there
from sinks.commands import Command, WritePoints
from sinks.null import NullStore
from sinks.store import Store, StoreFactory
from tidemark.config import load_settings
from tidemark.supervisor.listening import wait_for_listeners


class Tally:
    """Sums the books of the windows that come out, whatever store they go to."""

    def __init__(self) -> None:
        self.events = 0
        self.rejected = 0
        self.late = 0
        self._lock = threading.Lock()

    def store(self) -> Store:
        """Return a store that counts and keeps nothing."""
        tally = self

        class Counting(NullStore):
            def write(self, commands: Sequence[Command]) -> None:
                points = [p for c in commands if isinstance(c, WritePoints) for p in c.points]
                books = [p.fields for p in points if p.measurement == "pipeline"]
                with tally._lock:
                    tally.events += sum(int(book["events"]) for book in books)
                    tally.rejected += sum(int(book["rejected"]) for book in books)
                    tally.late += sum(int(book["late"]) for book in books)

        return Counting()


def main() -> None:
    """Run the job over what is in the topic, and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--recovery", type=Path)
    parser.add_argument("--epoch-s", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--process", type=int)
    parser.add_argument("--addresses")
    parser.add_argument("--hold", type=int, help="report once so many records are in open windows")
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
    if args.hold:
        threading.Thread(target=_hold, args=(args.hold, 3.0 * args.epoch_s), daemon=True).start()
    addresses = args.addresses.split(";") if args.addresses else None
    if addresses:
        wait_for_listeners(addresses[: args.process])  # as `tidemark run` does
    watch = Stopwatch()
    cli_main(  # type: ignore[no-untyped-call] # native
        flow,
        workers_per_process=args.workers,
        process_id=args.process,
        addresses=addresses,
        epoch_interval=timedelta(seconds=args.epoch_s),
        recovery_config=recovery,
    )
    report(watch.stop(tally.events, tally.rejected, tally.late))


def _hold(records: int, settle_s: float) -> None:
    """Tell what this process holds `settle_s` after it has read so many records, and end it."""
    while _metric("tidemark_source_records_total") < records:
        time.sleep(0.1)
    time.sleep(settle_s)  # some snapshots
    figures = {
        "rss_bytes": float(_status_kib("VmRSS") * 1024),
        "peak_bytes": float(_status_kib("VmHWM") * 1024),
        "state_bytes": _metric("tidemark_state_snapshot_bytes"),
    }
    print(json.dumps(figures), flush=True)
    os._exit(0)


def _metric(name: str) -> float:
    return sum(
        sample.value
        for family in REGISTRY.collect()
        for sample in family.samples
        if sample.name == name
    )


def _status_kib(name: str) -> int:
    return int(Path("/proc/self/status").read_text().partition(f"{name}:")[2].split()[0])


if __name__ == "__main__":
    main()
