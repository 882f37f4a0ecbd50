"""`tidemark recompute`: rebuild the windows of a past period from Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dataflows.recompute.run import Report

app = typer.Typer()


@app.command()
def recompute(
    start: Annotated[
        str, typer.Option("--from", metavar="ISO-8601", help="Windows that start here or later,")
    ],
    end: Annotated[str, typer.Option("--to", metavar="ISO-8601", help="and before this.")],
    pipeline: Annotated[str, typer.Option(help="Which pipeline's windows.")] = "interactions",
    include_late: Annotated[
        bool,
        typer.Option(help="Count the records that came too late, or only those that were on time."),
    ] = True,
    since: Annotated[
        str | None,
        typer.Option(
            "--since-offset-time",
            metavar="ISO-8601",
            help="Read only what Kafka got since then.  [default: all that the topic keeps]",
        ),
    ] = None,
    allow_fewer: Annotated[
        bool,
        typer.Option(
            "--allow-fewer",
            help="Overwrite also windows that would lose events, because the topic no longer"
            " keeps all of their records.",
        ),
    ] = False,
    stats: Annotated[
        bool,
        typer.Option(
            "--stats",
            help="Also rebuild user_stats and item_stats of the keys of the period, from all closed"
            " windows of the topic; the flow must be stopped.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write; without it nothing changes.")] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", help="Settings file, not $TIDEMARK_CONFIG or ./config.yaml."
        ),
    ] = None,
) -> None:
    """Rebuild the closed windows of a past period, late records included; a dry run without --yes.

    Overwrites their documents and points with absolute values: running it twice changes nothing.
    Exit codes: 0 done, 1 failed or windows were left alone, 2 usage or windows still open.
    """
    from dataflows.catalog import pipeline as pipeline_of
    from dataflows.recompute.run import Request
    from dataflows.recompute.run import recompute as run
    from tidemark.cli.letters import progress_bar
    from tidemark.config import load_settings
    from tidemark.log import configure_logging
    from tidemark.moments import parse_moment

    settings = load_settings(config)
    configure_logging(settings.logging)
    request = Request(
        pipeline_of(settings, pipeline),
        parse_moment(start, "--from"),
        parse_moment(end, "--to"),
        include_late,
        None if since is None else parse_moment(since, "--since-offset-time"),
        allow_fewer,
        stats,
    )
    with progress_bar() as progress:
        report = run(settings, request, write=yes, progress=progress)
    _print(pipeline, report, written=yes)
    if report.left_alone or (report.keys is not None and report.keys.left_alone):
        raise typer.Exit(1)


def _print(pipeline: str, report: Report, *, written: bool) -> None:
    typer.echo(f"{pipeline}: {report.windows:,} windows rebuilt of {report.records_read:,} records")
    for change in report.examples:
        before = "(none)" if change.before is None else f"{change.before['total']:,}"
        after, late = change.after["total"], change.after["late_included"]
        typer.echo(f"  {change.identity}  total {before} -> {after:,}  late included {late:,}")
    if report.changed > len(report.examples):
        typer.echo(f"  and {report.changed - len(report.examples):,} more")
    if report.left_alone:
        typer.echo(
            f"left alone: {len(report.left_alone):,} windows, such as {report.left_alone[0]}: the"
            " topic no longer keeps all of their records (--allow-fewer overwrites those of which"
            " it keeps some)",
            err=True,
        )
    if (keys := report.keys) is not None:
        alone = f", {keys.left_alone:,} left alone" if keys.left_alone else ""
        typer.echo(
            f"{pipeline}: {keys.changed:,} of {keys.keys:,} aggregates per key"
            f" {'changed' if written else 'would change'}{alone}"
        )
        if keys.left_alone:
            typer.echo(
                "left alone: aggregates that have more events or a later window than the topic"
                " accounts for (--allow-fewer overwrites those with more events)",
                err=True,
            )
    what = "changed" if written else "would change (dry run, nothing written; --yes writes)"
    typer.echo(
        f"{pipeline}: {report.changed:,} of {report.windows:,} windows {what}, {report.new:,} of"
        f" them new, {report.removed:,} removed;"
        f" total {report.total_before:,} -> {report.total_after:,},"
        f" late included {report.late_included:,}"
    )
