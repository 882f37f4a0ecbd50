"""Let a run be looked at, as the settings say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tidemark.observability.readiness import Connections, probes
from tidemark.observability.server import serving
from tidemark.observability.view import RunState, RunView

if TYPE_CHECKING:
    from tidemark.config import Settings


@contextmanager
def observed(
    settings: Settings,
    state: Callable[[], RunState],
    recovery_directory: Path,
    beside: Mapping[str, Callable[[], str]] | None = None,
) -> Iterator[int | None]:
    """Serve health, readiness and metrics meanwhile; yield the port, None where nothing is.

    `beside` says how processes are asked for their metrics that are no part of the group.
    """
    observability = settings.observability
    if not observability.enabled:
        yield None
        return
    connections = Connections(probes(settings), observability.probe_timeout_s)
    try:
        view = RunView(state, connections, recovery_directory, beside)
        with serving(view, observability.host, observability.port) as port:
            yield port
    finally:
        connections.close()
