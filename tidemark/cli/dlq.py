"""`tidemark dlq`: see what was rejected, and send it back, repaired or as it is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tidemark.deadletters import Outcome

app = typer.Typer(no_args_is_help=True, help="See rejected records and send them back.")

Topic = Annotated[
    str | None,
    typer.Argument(
        help="Source topic, with or without the suffix.  [default: those of all pipelines]",
        show_default=False,
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="Settings file, not $TIDEMARK_CONFIG or ./config.yaml."
    ),
]


@app.command(name="list")
def list_(
    topic: Topic = None,
    samples: Annotated[int, typer.Option(min=0, help="Samples of each reason.")] = 3,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False,
    config: ConfigFile = None,
) -> None:
    """Count the rejected records by reason and source partition, with samples.

    A letter that a restart of the flow has sent again is counted once.
    """
    from tidemark.cli.letters import print_overviews
    from tidemark.deadletters import DEAD_LETTER_SUFFIX

    print_overviews(config, topic, DEAD_LETTER_SUFFIX, ("reason",), samples, as_json=json)


@app.command()
def replay(
    topic: Topic = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=VALUE",
            help="Only these: reason=CODE, partition=NUMBER, key=TEXT; repeatable.",
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="ISO-8601", help="Rejected at this time or on.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="ISO-8601", help="Rejected before this time.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Send so many at most.", show_default=False)
    ] = None,
    transform: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:FUNCTION",
            help="Repairs each value: bytes in, bytes out; None leaves the record out.",
        ),
    ] = None,
    only_valid: Annotated[
        bool, typer.Option("--only-valid", help="Leave out what would be rejected again.")
    ] = False,
    include_unprovable: Annotated[
        bool,
        typer.Option(
            "--include-unprovable",
            help="Also records that retention has removed from the source topic, of which nobody"
            " can tell any more whether they were replayed.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Send; without it nothing is sent.")] = False,
    config: ConfigFile = None,
) -> None:
    """Send rejected records back to their topic; a dry run unless --yes is given.

    Each goes to its partition with its key and a header replay.of; what was replayed before is
    not sent again. Exit codes: 0 all acknowledged, 1 not, 2 usage.
    """
    from dataflows.acceptance import acceptance
    from tidemark.cli.letters import progress_bar, source_topics
    from tidemark.config import load_settings
    from tidemark.deadletters import (
        DEAD_LETTER_SUFFIX,
        Request,
        Selection,
        load_transform,
        parse_conditions,
    )
    from tidemark.deadletters import replay as run
    from tidemark.moments import parse_moment

    settings = load_settings(config)
    selection = Selection(
        parse_conditions(where or []),
        None if since is None else parse_moment(since, "--from"),
        None if until is None else parse_moment(until, "--to"),
    )
    function = None if transform is None else load_transform(transform)
    failed = False
    for name in source_topics(settings, topic, DEAD_LETTER_SUFFIX):
        request = Request(name, selection, limit, function, include_unprovable, only_valid)
        with progress_bar() as progress:
            outcome = run(
                settings, request, send=yes, check=acceptance(settings, name), progress=progress
            )
        _print(name, outcome, sent=yes)
        failed = failed or outcome.failed > 0
    if failed:
        raise typer.Exit(1)


def _print(topic: str, outcome: Outcome, *, sent: bool) -> None:
    skipped = {why: n for why, n in outcome.skipped.items() if why != "not selected"}
    reasons = ", ".join(f"{reason} {n:,}" for reason, n in outcome.reasons.most_common())
    head = "sent" if sent else "would be sent"
    if outcome.wanted:
        typer.echo(f"{topic}: {outcome.wanted:,} {head} ({reasons})")
    if outcome.invalid:
        again = ", ".join(f"{reason} {n:,}" for reason, n in outcome.invalid.most_common())
        typer.echo(f"  {outcome.invalid.total():,} of them will be rejected again: {again}")
    for failure in outcome.failures[:5]:
        typer.echo(f"  failed: {failure}", err=True)
    why = f" ({', '.join(f'{n:,} {why}' for why, n in skipped.items())})" if skipped else ""
    total = f"skipped {sum(skipped.values()):,}{why}"
    if sent:
        typer.echo(
            f"{topic}: sent {outcome.sent:,}, acknowledged {outcome.acknowledged:,},"
            f" failed {outcome.failed:,}, {total}"
        )
    else:
        typer.echo(f"{topic}: dry run, nothing sent: would send {outcome.wanted:,}, {total}")
        if outcome.wanted:
            typer.echo("  --yes sends them")
    sys.stdout.flush()
