"""`tidemark late`: see what came too late for its window."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="See records that came too late.")


@app.callback()
def late() -> None:
    """See records that came too late; `tidemark recompute` makes their windows whole."""


@app.command(name="list")
def list_(
    topic: Annotated[
        str | None,
        typer.Argument(
            help="Source topic, with or without the suffix.  [default: those of all pipelines]",
            show_default=False,
        ),
    ] = None,
    samples: Annotated[int, typer.Option(min=0, help="Samples of each window.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", help="Settings file, not $TIDEMARK_CONFIG or ./config.yaml."
        ),
    ] = None,
) -> None:
    """Count the late records by window, pipeline and source partition, with samples."""
    from tidemark.cli.letters import print_overviews
    from tidemark.deadletters import LATE_SUFFIX

    groups = ("window_start", "pipeline")
    print_overviews(config, topic, LATE_SUFFIX, groups, samples, as_json=json)
