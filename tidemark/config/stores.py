"""Settings of the stores: where documents and series go, and how they are written."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from tidemark.config.base import Env, MayHoldSecret, Section
from tidemark.config.types import AtStart, DatabaseName, Name
from tidemark.config.urls import DocumentUrls, SeriesUrls, StoreUrl


class DocumentsSettings(Section):
    """Where current aggregates and window documents go."""

    urls: Annotated[DocumentUrls, Env("MONGO_URI", sole=True), MayHoldSecret()] = (
        StoreUrl("sqlite:var/tidemark.db"),
    )
    """Stores to write to; several at once are possible. An address with a password is taken
    from the environment only."""

    at_start: AtStart = "retry"
    """What to do at start when one of them does not answer: try again for `kafka.start_timeout_s`,
    fail at once, or wait for as long as it takes."""

    database: Annotated[DatabaseName, Env("MONGO_DATABASE")] = "tidemark"
    """Database of MongoDB."""

    aggregated_data_ttl_s: Annotated[int, Field(ge=1, le=2_147_483_647)] | None = None
    """How long documents of `aggregated_data` are kept; null: for ever."""

    raw_data_ttl_s: Annotated[int, Field(ge=1, le=2_147_483_647)] | None = None
    """How long documents of `raw_data` are kept after their event time; null: for ever."""


class SeriesSettings(Section):
    """Where time series go."""

    urls: Annotated[SeriesUrls, Env("INFLUX_URL", sole=True), MayHoldSecret()] = (
        StoreUrl("sqlite:var/tidemark.db"),
    )
    """Stores to write to; several at once are possible."""

    at_start: AtStart = "retry"
    """What to do at start when one of them does not answer, as in `documents.at_start`."""

    influx_org: Annotated[Name, Env("INFLUX_ORG")] = "-"
    """Organisation of InfluxDB; `-` for InfluxDB 1."""

    influx_bucket: Annotated[Name, Env("INFLUX_BUCKET")] = "tidemark"
    """Bucket of InfluxDB; `database/retention-policy` for InfluxDB 1."""

    influx_token: Annotated[SecretStr | None, Env("INFLUX_TOKEN")] = None
    """Token of InfluxDB; `user:password` for InfluxDB 1."""


class StoresSettings(Section):
    """How stores are written to."""

    lanes: Annotated[int, Field(ge=1, le=256)] = 4
    """Writer threads of each store; a key always takes the same one."""

    queue_commands: Annotated[int, Field(ge=1, le=100_000)] = 64
    """Commands that may wait in a lane before the engine waits."""

    give_up_after_s: float = Field(300.0, ge=0)
    """How long an unavailable store is tried again before the flow stops."""

    timeout_s: float = Field(10.0, gt=0, le=3600)
    """How long one request to a store may take."""
