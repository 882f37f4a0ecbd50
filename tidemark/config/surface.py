"""Settings of what people see: the dashboard and the log."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from tidemark.config.base import Env, Section
from tidemark.config.types import Name


class DashboardSettings(Section):
    """The live page."""

    host: Annotated[Name, Env("DASHBOARD_HOST")] = "127.0.0.1"
    """Address to listen on; any but loopback needs a token."""

    port: Annotated[int, Field(ge=0, le=65_535), Env("DASHBOARD_PORT")] = 8050
    """Port to listen on; 0: any free one."""

    token: Annotated[SecretStr | None, Env("DASHBOARD_TOKEN")] = None
    """What people have to give to see the page; needed on any address but loopback."""

    refresh_interval_s: Annotated[
        float, Field(ge=0.1, le=3600), Env("DASHBOARD_REFRESH_INTERVAL")
    ] = 2.0
    """Seconds between two refreshes."""


class LoggingSettings(Section):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe level that is logged."""

    format: Literal["auto", "console", "json"] = "auto"
    """auto: console on a terminal, JSON otherwise."""
