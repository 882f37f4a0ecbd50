"""`tidemark backup`: copy what is kept in files, while the flow runs or not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def backup(
    directory: Annotated[Path, typer.Argument(help="A directory that is not there yet.")],
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", help="Settings file, not $TIDEMARK_CONFIG or ./config.yaml."
        ),
    ] = None,
) -> None:
    """Copy recovery store, SQLite stores and the notifier's journal, all as of one moment.

    It does not matter whether the flow runs. MongoDB, InfluxDB and Kafka have means of their own.
    """
    from tidemark.backup import back_up
    from tidemark.config import load_settings

    for each in back_up(load_settings(config), directory):
        typer.echo(f"{each.source} -> {directory / each.name}  {each.size_bytes:,} bytes")
