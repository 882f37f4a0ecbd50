"""`tidemark tail`: read a topic with one's own eyes."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def tail(
    topic: Annotated[str, typer.Argument(help="Any topic of the broker.")],
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="All that is there, not only what comes.")
    ] = False,
    count: Annotated[
        int | None, typer.Option(min=1, help="End after so many messages.", show_default=False)
    ] = None,
    partition: Annotated[
        int | None, typer.Option(min=0, help="Only this partition.", show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", help="Settings file, not $TIDEMARK_CONFIG or ./config.yaml."
        ),
    ] = None,
) -> None:
    """Print the messages of a topic readably, as they come; Ctrl-C ends it.

    No consumer group is used: nothing is committed.
    """
    from contextlib import closing
    from itertools import islice

    from tidemark.config import load_settings
    from tidemark.kafka_tail import follow
    from tidemark.messages import as_json, as_text

    settings = load_settings(config)
    write = as_json if json else as_text
    messages = follow(settings, topic, from_beginning=from_beginning, partition=partition)
    with closing(messages):
        try:
            for message in islice(messages, count):
                print(write(message), flush=True)
        except BrokenPipeError:
            # The reader (`| head`) has seen enough; Python must not flush into its pipe again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
