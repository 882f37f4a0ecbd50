"""Settings of what the supervisor tells about the run over HTTP."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tidemark.config.base import Section


class ObservabilitySettings(Section):
    """Health, readiness and metrics of `tidemark run` over HTTP."""

    enabled: bool = True
    """Serve `/healthz`, `/readyz` and `/metrics`."""

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """Address to listen on. Nobody has to log in: open it to a private network at most."""

    port: Annotated[int, Field(ge=0, le=65_535)] = 9464
    """Port to listen on; 0: any free one, which the log tells. A run goes on without, and says so,
    where another program has the port."""

    probe_timeout_s: float = Field(3.0, gt=0, le=60)
    """How long `/readyz` waits for a broker or a store to answer."""
