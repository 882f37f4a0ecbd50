"""Settings of what people see: the dashboard and the log."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tidemark.config.base import Env, Section


class DashboardSettings(Section):
    """The live page."""

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
