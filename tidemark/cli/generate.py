"""`tidemark generate`: send events that look real, with faults on demand."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(pretty_exceptions_enable=False)

MAX = "max"
FAULTS = "Faults (shares of all records, 0 to 1)"
PACE = "Pace and time"


def _share(help_text: str) -> Any:
    return typer.Option(help=help_text, rich_help_panel=FAULTS, metavar="SHARE", show_default=False)


@app.command()
def generate(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="Settings file instead of $TIDEMARK_CONFIG or ./config.yaml.",
        ),
    ] = None,
    stream: Annotated[
        str | None,
        typer.Option(
            help="Kind of events.", metavar="interactions|logins|activity|sales|inventory|all"
        ),
    ] = None,
    topic: Annotated[
        str | None, typer.Option(help="Topic to send to; default: that of the stream's pipeline.")
    ] = None,
    count: Annotated[int | None, typer.Option(help="Records to send.")] = None,
    duration: Annotated[float | None, typer.Option(help="Seconds to send for.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed and start time: same bytes.")] = None,
    rate: Annotated[
        str | None,
        typer.Option(
            help=f"Records a second, or {MAX}.", rich_help_panel=PACE, metavar="NUMBER|max"
        ),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Records of a batch.", rich_help_panel=PACE)
    ] = None,
    interval: Annotated[
        float | None,
        typer.Option(help="Instead of a rate: seconds from batch to batch.", rich_help_panel=PACE),
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(help="Event time runs this many times faster.", rich_help_panel=PACE),
    ] = None,
    event_rate: Annotated[
        float | None, typer.Option(help="Records a second of event time.", rich_help_panel=PACE)
    ] = None,
    start_time: Annotated[
        datetime | None,
        typer.Option(
            help="Event time of the first record (UTC unless it has an offset); default: now.",
            rich_help_panel=PACE,
            formats=[
                "%Y-%m-%d",
                "%Y-%m-%dT%H:%M:%S",
                "%Y-%m-%d %H:%M:%S",
                "%Y-%m-%dT%H:%M:%S%z",
                "%Y-%m-%dT%H:%M:%S.%f%z",
            ],
            metavar="ISO-8601",
        ),
    ] = None,
    out_of_order: Annotated[
        float | None, _share("Some seconds older, within the lateness.")
    ] = None,
    late: Annotated[float | None, _share("Far behind.")] = None,
    duplicate: Annotated[float | None, _share("The same bytes as shortly before.")] = None,
    malformed: Annotated[float | None, _share("Cut off, bad UTF-8, not JSON, empty.")] = None,
    missing_field: Annotated[float | None, _share("Without a required field.")] = None,
    future: Annotated[float | None, _share("Ahead of now.")] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="PATH=VALUE",
            help="Any other setting of `generator:`, such as scenarios.burst.factor=5; repeatable.",
        ),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write down what is sent, as Parquet; a file a stream for all."
        ),
    ] = None,
    stdout: Annotated[bool, typer.Option("--stdout", help="Print lines instead.")] = False,
) -> None:
    """Send events to Kafka; flags go over the `generator:` part of the configuration.

    Exit code 0: every record is acknowledged, 1: not, 2: bad settings, 130: interrupted.
    """
    from generator.command import generate as run
    from generator.overrides import override, parse_assignments
    from tidemark.config import load_settings

    settings = load_settings(config)
    flags: dict[str, Any] = {
        "stream": stream,
        "topic": topic,
        "count": count,
        "duration_s": duration,
        "seed": seed,
        "batch_size": batch_size,
        "interval_s": interval,
        "speed": speed,
        "event_rate": event_rate,
        "start_time": start_time,
        "faults.out_of_order_share": out_of_order,
        "faults.late_share": late,
        "faults.duplicate_share": duplicate,
        "faults.malformed_share": malformed,
        "faults.missing_field_share": missing_field,
        "faults.future_share": future,
    }
    given = {path: value for path, value in flags.items() if value is not None}
    if rate is not None:
        given["rate"] = None if rate == MAX else rate
    generator = override(settings.generator, given | parse_assignments(assignments or []))
    code = run(settings, generator, truth=truth, to_stdout=stdout)
    if code:
        raise typer.Exit(code)
