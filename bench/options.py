"""Options that the subcommands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

Rounds: TypeAlias = Annotated[int, typer.Option(min=1, help="Interleaved rounds.")]
Events: TypeAlias = Annotated[int, typer.Option(min=1, help="Events in a topic.")]
Quick: TypeAlias = Annotated[
    bool, typer.Option("--quick", help="Few events, one round: to try it out; does not count.")
]
Json: TypeAlias = Annotated[
    Path | None, typer.Option("--json", help="Write all figures to this file or folder.")
]
KafkaAt: TypeAlias = Annotated[
    str,
    typer.Option("--kafka", envvar="TIDEMARK_TEST_KAFKA", help="A running broker to use instead."),
]
InfluxAt: TypeAlias = Annotated[
    str,
    typer.Option("--influx", envvar="TIDEMARK_TEST_INFLUX", help="A running InfluxDB instead."),
]
MongoAt: TypeAlias = Annotated[
    str,
    typer.Option("--mongo", envvar="TIDEMARK_TEST_MONGO", help="A running MongoDB instead."),
]
