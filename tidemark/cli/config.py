"""`tidemark config`: check the settings, show them with the origin of each value."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from tidemark.config import Loaded, Settings, load_with_origins
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
    loaded = _load(config)
    _check_alerts(loaded.settings)
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
        _fail(error)


def _fail(error: ConfigError) -> NoReturn:
    if sys.stderr.isatty():
        _print_problems(error.problems)
    else:
        typer.echo(str(error), err=True)
    raise typer.Exit(error.exit_code) from None


def _check_alerts(settings: Settings) -> None:
    """Check what only the pipelines, and the library that tells people, know."""
    problems: list[Problem] = []
    if settings.alerts.rules:
        from dataflows.catalog import check as check_rules

        problems += _problems_of(lambda: check_rules(settings))
    if settings.alerts.channels or settings.alerts.notify_urls is not None:
        from tidemark.notify.channels import open_channels

        problems += _problems_of(lambda: open_channels(settings))
    if problems:
        _fail(ConfigError(problems))


def _problems_of(checked: Callable[[], object]) -> Sequence[Problem]:
    try:
        checked()
    except ConfigError as error:
        return error.problems
    return ()


def _as_json(loaded: Loaded) -> dict[str, Any]:
    return {
        row.leaf.path: {"value": plain(row.value), "origin": row.origin} for row in rows(loaded)
    }


def _print_table(loaded: Loaded) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    title = f"Settings ({loaded.file or 'no file'})"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("setting", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("origin", overflow="fold")
    section: tuple[str, ...] = ()
    for row in rows(loaded):
        if row.leaf.route[:-1] != section:
            section = row.leaf.route[:-1]
            table.add_section()
            table.add_row(Text(".".join(section), style="bold"))
        # Text, not str: brackets in values are no markup.
        cells = (f"  {row.leaf.route[-1]}", shown_value(row), row.origin)
        table.add_row(*map(Text, cells), style="dim" if row.is_default else "")
    Console().print(table)


def _print_problems(problems: Sequence[Problem]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    title = f"Problems in the configuration: {len(problems)}"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_lines=True)
    table.add_column("where", overflow="fold")
    table.add_column("what is expected", overflow="fold")
    for problem in problems:
        found = f" = {problem.value}" if problem.value else ""
        where = Text.assemble((problem.path, "bold"), found)
        what = Text(problem.expected)
        if problem.origin:
            where.append(f"\n{problem.origin}", style="dim")
        if problem.remedy:
            what.append(f"\n{problem.remedy}", style="green")
        table.add_row(where, what)
    Console(stderr=True).print(table)
