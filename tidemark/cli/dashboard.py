"""`tidemark dashboard`: the live page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer()


@app.command()
def dashboard(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on.  [default: dashboard.host]")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65_535, help="Port, 0: any free one.  [default: dashboard.port]"),
    ] = None,
    any_port: Annotated[
        bool, typer.Option("--any-port", help="Take a free port where that one is taken.")
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", help="Settings file, not $TIDEMARK_CONFIG or ./config.yaml."
        ),
    ] = None,
) -> None:
    """Serve the live page, which reads the document store of the dataflow.

    On an address that other machines reach it starts only with a token, DASHBOARD_TOKEN or
    DASHBOARD_TOKEN_FILE. Exit codes: 0 SIGTERM stopped it, 1 failed, 2 configuration, 130 Ctrl-C.
    """
    from dashboard import serve
    from tidemark.config import load_settings
    from tidemark.log import configure_logging

    settings = load_settings(config)
    given: dict[str, Any] = {}
    if host is not None:
        given["host"] = host
    if port is not None:
        given["port"] = port
    section = settings.dashboard.model_copy(update=given)
    settings = settings.model_copy(update={"dashboard": section})
    configure_logging(settings.logging)

    def tell(address: str) -> None:
        typer.echo(f"live page: {address}")
        sys.stdout.flush()

    serve(settings, tell, any_port=any_port)
