"""`python -m bench`: every bar of the project, measured; one subcommand for each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.console import console, wide
from bench.options import Events, InfluxAt, Json, KafkaAt, MongoAt, Quick, Rounds
from bench.origin import ROOT
from bench.report import shown
from bench.results import Result, read_all, write
from bench.session import session
from bench.suite import EVENTS, ITEMS, QUICK_EVENTS, QUICK_USERS, SUITE, USERS
from bench.verdict import verdict

RESULTS = ROOT / "bench" / "results"
IMAGES = ROOT / "docs" / "images" / "performance"
PAGE = ROOT / "docs" / "performance.md"

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=__doc__,
)
Workers = Annotated[int, typer.Option(min=1, help="Threads of each process.")]


def _end(result: Result, json_file: Path | None) -> None:
    wide.print(shown(result))
    if result.bars:
        wide.print(verdict([result]))
    if json_file is not None:
        write(result, json_file)


@app.command("all")
def everything(
    rounds: Rounds = 5, quick: Quick = False, json_file: Json = None, kafka: KafkaAt = ""
) -> None:
    """All bars, one after the other, and one table at the end (--json names a folder)."""
    results = []
    with session(1 if quick else rounds, quick, kafka) as servers:
        for benchmark in SUITE.values():
            results.append(benchmark(servers))
            wide.print(shown(results[-1]))
            if json_file is not None:
                write(results[-1], json_file)
    wide.print(verdict(results))


@app.command()
def throughput(
    events: Events = EVENTS,
    rounds: Rounds = 5,
    workers: Workers = 1,
    quick: Quick = False,
    json_file: Json = None,
    kafka: KafkaAt = "",
) -> None:
    """Bar 1: the job beside a bare consumer."""
    from bench.throughput import throughput as measure

    with session(1 if quick else rounds, quick, kafka) as servers:
        _end(measure(servers, min(events, QUICK_EVENTS) if quick else events, workers), json_file)


@app.command()
def stages(
    events: Events = EVENTS,
    rounds: Rounds = 3,
    quick: Quick = False,
    json_file: Json = None,
    kafka: KafkaAt = "",
) -> None:
    """What one process's time is made of, step by step."""
    from bench.stages import stages as measure

    with session(1 if quick else rounds, quick, kafka) as servers:
        _end(measure(servers, min(events, QUICK_EVENTS) if quick else events), json_file)


@app.command()
def stores(
    events: Events = EVENTS,
    rounds: Rounds = 5,
    workers: Workers = 1,
    quick: Quick = False,
    json_file: Json = None,
    kafka: KafkaAt = "",
    influx: InfluxAt = "",
) -> None:
    """Bars 2a to 2c: SQLite, InfluxDB, both with alert rules."""
    from bench.stores import stores as measure

    with session(1 if quick else rounds, quick, kafka, influx=influx) as servers:
        _end(measure(servers, min(events, QUICK_EVENTS) if quick else events, workers), json_file)


@app.command()
def documents(
    keys: Annotated[int, typer.Option(min=1, help="Documents.")] = 2_500,
    windows: Annotated[int, typer.Option(min=1, help="Times that each is written.")] = 4,
    rounds: Rounds = 5,
    quick: Quick = False,
    json_file: Json = None,
    mongo: MongoAt = "",
) -> None:
    """Bars 2d to 2f: our MongoDB store beside a bare pymongo loop."""
    from bench.documents import documents as measure

    with session(1 if quick else rounds, quick, mongo=mongo) as servers:
        _end(measure(servers, 500 if quick else keys, windows), json_file)


@app.command()
def keys(
    events: Events = EVENTS,
    users: Annotated[list[int] | None, typer.Option(help="Users in the window.")] = None,
    items: Annotated[list[int] | None, typer.Option(help="Items, at 10,000 users.")] = None,
    rounds: Rounds = 5,
    workers: Workers = 1,
    quick: Quick = False,
    json_file: Json = None,
    kafka: KafkaAt = "",
) -> None:
    """Bars 3a and 6a: what keys cost, and snapshots of them."""
    from bench.keys import keys as measure

    if quick:
        users, items, rounds = users or list(QUICK_USERS), items or [ITEMS[0]], 1
    with session(rounds, quick, kafka) as servers:
        result = measure(servers, events, users or USERS, items or ITEMS, workers)
        _end(result, json_file)


@app.command()
def memory(
    events: Events = EVENTS,
    rounds: Rounds = 3,
    quick: Quick = False,
    json_file: Json = None,
    kafka: KafkaAt = "",
) -> None:
    """Bar 3b: bytes per open window and user."""
    from bench.keys import memory as measure

    with session(1 if quick else rounds, quick, kafka) as servers:
        _end(measure(servers, events, QUICK_USERS), json_file)


@app.command()
def shapes(
    part: Annotated[
        list[str] | None, typer.Option(help="sizes, malformed, disorder, partitions; all of them.")
    ] = None,
    events: Events = EVENTS,
    rounds: Rounds = 5,
    quick: Quick = False,
    json_file: Json = None,
    kafka: KafkaAt = "",
) -> None:
    """Bar 4: sizes of values, malformed records, disorder, partitions (--json names a folder)."""
    from bench.shapes import SHAPES

    for name in part or SHAPES:
        with session(1 if quick else rounds, quick, kafka) as servers:
            result = SHAPES[name](servers, min(events, QUICK_EVENTS) if quick else events)
        _end(result, json_file)


@app.command()
def latency(
    seconds: Annotated[float, typer.Option(help="How long each rate is measured.")] = 60.0,
    window_s: Annotated[int, typer.Option(min=1, help="Length of a window.")] = 1,
    users: Annotated[int, typer.Option(min=1, help="Users.")] = 10_000,
    rounds: Rounds = 5,
    quick: Quick = False,
    json_file: Json = None,
    kafka: KafkaAt = "",
) -> None:
    """Bar 5: from the end of a window to its document, live at 50k and 100k events/s."""
    from bench.latency import latency as measure

    with session(1 if quick else rounds, quick, kafka) as servers:
        _end(measure(servers, 10.0 if quick else seconds, window_s, users), json_file)


Rate = Annotated[float, typer.Option(help="Events a second of the live stream.")]


@app.command()
def restart(
    rate: Rate = 50_000.0,
    processes: Annotated[int, typer.Option(min=1, help="Processes of the job.")] = 2,
    rounds: Rounds = 5,
    quick: Quick = False,
    json_file: Json = None,
    kafka: KafkaAt = "",
) -> None:
    """Bar 6b: from a kill -9 of a member to the first new window."""
    from bench.recovery import restart as measure

    with session(1 if quick else rounds, quick, kafka) as servers:
        _end(measure(servers, 20_000.0 if quick else rate, processes), json_file)


@app.command("catch-up")
def catch_up(
    rate: Rate = 100_000.0,
    outage_s: Annotated[float, typer.Option(help="Length of the outage.")] = 600.0,
    rounds: Rounds = 1,
    quick: Quick = False,
    json_file: Json = None,
    kafka: KafkaAt = "",
) -> None:
    """Bar 6c: until a job is live again after an outage (12 GB of disk by default)."""
    from bench.recovery import catch_up as measure

    if quick:
        rate, outage_s = 20_000.0, 30.0
    with session(1 if quick else rounds, quick, kafka) as servers:
        _end(measure(servers, rate, outage_s), json_file)


@app.command()
def generator(
    events: Events = EVENTS,
    rounds: Rounds = 5,
    quick: Quick = False,
    json_file: Json = None,
    kafka: KafkaAt = "",
) -> None:
    """Bar 7: the generator into Kafka."""
    from bench.generation import generation

    with session(1 if quick else rounds, quick, kafka) as servers:
        _end(generation(servers, min(events, QUICK_EVENTS) if quick else events), json_file)


@app.command()
def startup(
    rounds: Rounds = 7, quick: Quick = False, json_file: Json = None, kafka: KafkaAt = ""
) -> None:
    """Bar 8: import and flow build."""
    from bench.startup import startup as measure

    with session(1 if quick else rounds, quick, kafka) as servers:
        _end(measure(servers), json_file)


@app.command()
def holdout(
    events: Events = EVENTS,
    rounds: Rounds = 5,
    quick: Quick = False,
    json_file: Json = None,
    kafka: KafkaAt = "",
) -> None:
    """No bar: configurations that the capacity model is checked against."""
    from bench.holdout import holdout as measure

    with session(1 if quick else rounds, quick, kafka) as servers:
        _end(measure(servers, min(events, QUICK_EVENTS) if quick else events), json_file)


From = Annotated[Path, typer.Option("--from", help="Folder with the results.")]


@app.command()
def bars(results: From = RESULTS) -> None:
    """Show the table of all bars from results that are there."""
    wide.print(verdict(read_all(results).values()))


@app.command()
def plots(
    results: From = RESULTS,
    folder: Annotated[Path, typer.Option("--to", help="Where to.")] = IMAGES,
) -> None:
    """Draw the plots of the results, as SVG."""
    from bench.plots import draw

    for path in draw(read_all(results), folder):
        console.print(f"drawn: {path.name}")


@app.command()
def docs(
    results: From = RESULTS,
    page: Annotated[Path, typer.Option(help="The page.")] = PAGE,
) -> None:
    """Write the tables of docs/performance.md anew, from the results."""
    from bench.pages import written

    page.write_text(written(page.read_text(), read_all(results)))


if __name__ == "__main__":
    app()
