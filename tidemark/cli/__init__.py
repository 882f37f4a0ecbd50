"""The `tidemark` command: one verb a module, loaded only when it is called.

Every module named in `VERBS` exposes `app`, a `typer.Typer`: with one command it becomes that verb
itself, with several a group of verbs. Exit codes: 0 done, 1 failed, 2 wrong usage or configuration,
130 interrupted.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command as build_command

from tidemark.errors import EXIT_INTERRUPTED, TidemarkError

VERBS: Final[dict[str, str]] = {
    "demo": "tidemark.cli.demo",
    "run": "tidemark.cli.run",
    "dashboard": "tidemark.cli.dashboard",
    "config": "tidemark.cli.config",
    "topics": "tidemark.cli.topics",
    "generate": "tidemark.cli.generate",
    "tail": "tidemark.cli.tail",
    "dlq": "tidemark.cli.dlq",
    "late": "tidemark.cli.late",
    "recompute": "tidemark.cli.recompute",
    "backup": "tidemark.cli.backup",
    "alerts": "tidemark.cli.alerts",
    "notify": "tidemark.cli.notify",
}


class LazyGroup(TyperGroup):
    """Import a verb's module when it is used: one verb does not pay for the others."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [verb for verb, module in VERBS.items() if importlib.util.find_spec(module)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        command = self.commands.get(cmd_name)
        if command is None and cmd_name in self.list_commands(ctx):
            command = build_command(importlib.import_module(VERBS[cmd_name]).app)
            command.name = cmd_name
            self.commands[cmd_name] = command
        return command


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, pretty_exceptions_enable=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        from tidemark import __version__

        typer.echo(f"tidemark {__version__}")
        raise typer.Exit


@app.callback()
def tidemark(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Exact tumbling-window statistics from Kafka into MongoDB and InfluxDB."""


def print_error(error: TidemarkError) -> None:
    """Print an error as people read it, without secrets: what is wrong, what to do about it."""
    from rich.console import Console
    from rich.text import Text

    from tidemark.redaction import redact

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(Text.assemble(("error: ", "bold red"), redact(error.message)))
    if error.remedy:
        console.print(Text.assemble(("  remedy: ", "bold"), redact(error.remedy)))


def main(args: list[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code."""
    try:
        app(args, prog_name="tidemark")
    except TidemarkError as error:
        print_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
