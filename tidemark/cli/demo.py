"""`tidemark demo`: see it work, live, with nothing but Python."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def demo(
    seconds: Annotated[
        float | None,
        typer.Option(min=5, help="Stop by itself after about so many seconds.", show_default=False),
    ] = None,
    rate: Annotated[
        float,
        typer.Option(min=1, max=20_000, help="Events a second to send, of all streams together."),
    ] = 2_000.0,
    directory: Annotated[
        Path,
        typer.Option(help="Where its store and logs go; an earlier demo there is removed."),
    ] = Path("var/demo"),
) -> None:
    """Show every pipeline live: an in-process Kafka broker, generator, dataflow and SQLite.

    With --seconds it exits 0 only if final windows arrived and, in each pipeline, events read =
    aggregated + rejected + late + filtered. Ctrl-C stops all of it (exit code 130).
    """
    from rich.console import Console

    from tidemark.demo import run_demo

    raise typer.Exit(run_demo(directory, rate, seconds, Console()))
