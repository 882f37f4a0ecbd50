"""The long fault tests (`make chaos`): every scenario once, then a table of what they have shown.

    python -m tests.faults [--quick] [NAME ...]

NAME is a part of a scenario's name; --quick is a tenth of the size, to try the program itself.
Exit code 1 if anything is lost, double, or differs in any other way.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.faults.scenarios import (
    IDLE_AFTER_S,
    LATENESS_S,
    Result,
    kills_in_a_bounded_run,
    kills_in_a_live_run,
    long_downtime,
    rescaling,
)
from tests.faults.seeds import dice, replay
from tests.faults.soak import Memory, soak
from tests.support.servers import Kafka, KafkaEndpoint
from tests.support.servers.endpoints import RunningKafka

Scenario = Callable[[KafkaEndpoint, Path], Result | Memory]


def scenarios(scale: float) -> dict[str, Scenario]:
    """Return the scenarios by name; `scale` 1 is the whole size."""

    def sized(number: int, least: int = 1) -> int:
        return max(least, round(number * scale))

    found: dict[str, Scenario] = {}
    for processes in (1, 2):
        for what, kills in (("bounded", 26), ("one-supervisor", 21)):
            found[f"{what}-{processes}"] = partial(
                kills_in_a_bounded_run,
                dice=dice(f"long/{what}/{processes}"),
                processes=processes,
                events=sized(400, 40) * 5_000,
                kills=sized(kills, 4),
                batch_size=sized(3_000, 1_000),
                one_supervisor=what == "one-supervisor",
            )
        found[f"live-{processes}"] = partial(
            kills_in_a_live_run,
            dice=dice(f"long/live/{processes}"),
            processes=processes,
            kills=sized(13, 4),
            rate=5_000.0,
        )
        found[f"downtime-{processes}"] = partial(
            long_downtime,
            processes=processes,
            events=sized(60, 20) * 5_000,
            down_s=3 * (IDLE_AFTER_S + LATENESS_S),
        )
    found["rescaling"] = partial(
        rescaling, processes=(1, 2, 3, 1, 3, 2, 1), events_a_step=sized(20, 4) * 5_000
    )
    for name, store in (("null", "null:"), ("sqlite", "sqlite:soak.db")):
        found[f"soak-{name}"] = partial(soak, minutes=sized(30, 3), store=store, pace=20_000)
    return found


def main() -> int:
    """Run the scenarios that were asked for and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--quick", action="store_true", help="a tenth of the size")
    parser.add_argument("names", nargs="*", metavar="NAME", help="parts of names; default: all")
    args = parser.parse_args()
    chosen = {
        name: scenario
        for name, scenario in scenarios(0.1 if args.quick else 1.0).items()
        if not args.names or any(part in name for part in args.names)
    }
    print(replay(), flush=True)
    done: list[Result] = []
    failed = False
    soaks: dict[str, Memory] = {}
    with tempfile.TemporaryDirectory(prefix="tidemark-chaos-") as place, _kafka() as kafka:
        for name, scenario in chosen.items():
            directory = Path(place) / name
            directory.mkdir()
            print(f"{name} …", flush=True)
            try:
                shown = scenario(kafka, directory)
            except AssertionError as error:
                print(f"{name} FAILED: {error}", flush=True)
                failed = True
                continue
            if isinstance(shown, Memory):
                soaks[name] = shown
                continue
            done.append(shown)
            for problem in shown.verdict.problems:
                print(f"  {problem}", flush=True)
    _print_table(done)
    for name, memory in soaks.items():
        print(
            f"{name}: {memory.read:,} events of {memory.minutes} minutes, "
            f"{memory.distinct_users:,} users in all, {memory.level_mib:.0f} MiB after warm-up, "
            f"slope {memory.slope_mib_a_minute:+.3f} MiB a minute of event time"
        )
    print(replay())
    return int(failed or not all(result.verdict.exact for result in done))


@contextmanager
def _kafka() -> Iterator[KafkaEndpoint]:
    if address := os.environ.get("TIDEMARK_TEST_KAFKA"):
        yield RunningKafka(address)
        return
    with tempfile.TemporaryDirectory(prefix="tidemark-chaos-kafka-") as place:
        server = Kafka(Path(place) / "kafka")
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _print_table(results: list[Result]) -> None:
    """Print a row per scenario and kind of fault; the comparison is the scenario's."""
    print()
    heads = ("scenario", "fault", "times", "events", "lost", "double", "differing", "seconds")
    widths = (38, 23, 5, 10, 6, 6, 9, 7)
    row = "  ".join(f"{{:{'<' if n < 2 else '>'}{width}}}" for n, width in enumerate(widths))
    print(row.format(*heads))
    for result in results:
        verdict = result.verdict
        rest = (f"{result.events:,}", verdict.lost, verdict.double, len(verdict.problems))
        for number, (fault, times) in enumerate(result.faults.items()):
            ends = (*rest, f"{result.seconds:.0f}") if number == 0 else ("",) * 5
            print(row.format(result.scenario if number == 0 else "", fault, times, *ends))
        if result.remark:
            print(f"  ({result.remark})")
    print()


if __name__ == "__main__":
    sys.exit(main())
