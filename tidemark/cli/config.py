"""`tidemark config`: check the settings, show them with the origin of each value."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from tidemark.config import Loaded, load_with_origins
from tidemark.config.present import plain, rows, shown_value
from tidemark.errors import ConfigError, Problem

app = typer.Typer(
    no_args_is_help=True, help="Check and show the settings.", pretty_exceptions_enable=False
)

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="File to read: by default $TIDEMARK_CONFIG, else ./config.yaml if it is there.",
    ),
]


@app.command()
def check(config: ConfigOption = None) -> None:
    """Validate the settings; exit 0 and print "config ok", or exit 2 and print all problems."""
    _load(config)
    typer.echo("config ok")


@app.command()
def show(
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Print each setting with its value and origin; secrets are redacted."""
    loaded = _load(config)
    if as_json:
        typer.echo(json.dumps(_as_json(loaded), indent=2, ensure_ascii=False))
    elif sys.stdout.isatty():
        _print_table(loaded)
    else:
        for row in rows(loaded):
            typer.echo(f"{row.leaf.path} = {shown_value(row)}  ({row.origin})")


def _load(config: Path | None) -> Loaded:
    try:
        return load_with_origins(config)
    except ConfigError as error:
        if sys.stderr.isatty():
            _print_problems(error.problems)
        else:
            typer.echo(str(error), err=True)
        raise typer.Exit(error.exit_code) from None


def _as_json(loaded: Loaded) -> dict[str, Any]:
    return {
        row.leaf.path: {"value": plain(row.value), "origin": row.origin} for row in rows(loaded)
    }


def _print_table(loaded: Loaded) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"Settings ({loaded.file or 'no file'})", title_justify="left")
    table.add_column("setting", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("origin", overflow="fold")
    for row in rows(loaded):
        # Text, not str: brackets in values are no markup.
        style = "dim" if row.is_default else ""
        table.add_row(Text(row.leaf.path), Text(shown_value(row)), Text(row.origin), style=style)
    Console().print(table)


def _print_problems(problems: Iterable[Problem]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title="Problems in the configuration", title_justify="left", show_lines=True)
    for name in ("setting", "value", "expected", "remedy", "origin"):
        table.add_column(name, overflow="fold")
    for problem in problems:
        cells = (
            problem.path,
            problem.value,
            problem.expected,
            problem.remedy,
            problem.origin,
        )
        table.add_row(*(Text(cell) for cell in cells))
    Console(stderr=True).print(table)
