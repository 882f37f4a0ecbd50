"""`tidemark topics`: make and list the topics that the pipelines read and write."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Make and list topics.")

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Settings file instead of $TIDEMARK_CONFIG or ./config.yaml.",
    ),
]


@app.command()
def create(config: ConfigFile = None) -> None:
    """Make the topics of the enabled pipelines, each with its .dlq and .late.

    Existing ones stay as they are.
    """
    from tidemark.config import load_settings
    from tidemark.kafka_admin import create_topics, pipeline_topics

    settings = load_settings(config)
    wanted = pipeline_topics(settings)
    existing = create_topics(settings, wanted)
    width = max(len(name) for name in wanted)
    for name in wanted:
        found = existing.get(name)
        if found is None:
            note = f"created, {settings.topics.partitions} partitions"
        else:
            note = f"exists already, {found} partitions"
            if found != settings.topics.partitions:
                note += f" (topics.partitions says {settings.topics.partitions}; left as it is)"
        typer.echo(f"{name:<{width}}  {note}")


@app.command(name="list")
def list_(
    config: ConfigFile = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every topic of the broker, not only the pipelines' own.")
    ] = False,
) -> None:
    """Show the topics with their partitions, and how many records each holds now."""
    from tidemark.config import load_settings
    from tidemark.kafka_admin import describe_topics, pipeline_topics

    settings = load_settings(config)
    wanted = pipeline_topics(settings)
    found = describe_topics(settings, names=None if every else wanted)
    names = sorted(found) if every else wanted
    width = max([len("topic"), *(len(name) for name in names)])
    typer.echo(f"{'topic':<{width}}  partitions  replicas     records")
    for name in names:
        topic = found.get(name)
        if topic is None:
            typer.echo(f"{name:<{width}}  missing: `tidemark topics create` makes it")
        else:
            typer.echo(
                f"{name:<{width}}  {topic.partitions:>10}  {topic.replicas:>8}  {topic.records:>10}"
            )
