"""The main job: `flow` is the enabled pipelines, nothing else.

    python -m bytewax.run dataflows.main

`flow` is built when it is first asked for, so that importing this module costs and needs nothing.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING

from tidemark.errors import TidemarkError

if TYPE_CHECKING:
    from bytewax.dataflow import Dataflow

    from tidemark.config import Settings

    flow: Dataflow


def build(settings: Settings) -> Dataflow:
    """Return a flow of the enabled pipelines. Raises TidemarkError where it could not work."""
    from bytewax.dataflow import Dataflow

    from dataflows.interactions import interactions
    from dataflows.surroundings import surroundings

    pipelines = settings.pipelines
    flow = Dataflow("tidemark")
    env = surroundings(settings)
    if pipelines.interactions.enabled:
        interactions(flow, env, pipelines.interactions)
    return flow


def __getattr__(name: str) -> Dataflow:
    if name != "flow":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tidemark.config import load_settings
    from tidemark.log import configure_logging

    plain = _run_by_bytewax()
    try:
        settings = load_settings()
        configure_logging(settings.logging)
        built = build(settings)
    except TidemarkError as error:
        if not plain:
            raise
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    if plain:
        _tell_plainly()
    globals()["flow"] = built
    return built


def _run_by_bytewax() -> bool:
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return spec is not None and spec.name == "bytewax.run"


def _tell_plainly() -> None:
    """Have our own errors printed as one message.

    Bytewax wraps them several times on their way out, and in a cluster it loses them.
    """
    from tidemark.supervisor.wrapped import keep_wrapped_errors

    first_error = keep_wrapped_errors()

    def tell(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        for outermost in (error, first_error()):
            cause = outermost
            while cause is not None:
                if isinstance(cause, TidemarkError):
                    print(f"error: {cause}", file=sys.stderr)
                    return
                cause = cause.__cause__ or cause.__context__
        sys.__excepthook__(kind, error, traceback)

    sys.excepthook = tell
