"""Makes a module one that `python -m bytewax.run` can run: its `flow` is built when asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from tidemark.errors import TidemarkError

if TYPE_CHECKING:
    from bytewax.dataflow import Dataflow

    from tidemark.config import Settings


def flow_of(module: str, build: Callable[[Settings], Dataflow]) -> Callable[[str], Dataflow]:
    """Return the module's `__getattr__`: it builds `flow` with the settings of the environment.

    What is wrong is printed as one message where Bytewax runs the module, and raised elsewhere.
    """

    def attribute(name: str) -> Dataflow:
        if name != "flow":
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
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
        vars(sys.modules[module])["flow"] = built
        return built

    return attribute


def flow_of_pipeline(module: str, name: str) -> Callable[[str], Dataflow]:
    """Return the `__getattr__` of a module whose `flow` is its pipeline of class `name` alone."""

    def build(settings: Settings) -> Dataflow:
        from bytewax.dataflow import Dataflow

        from dataflows.assembly import assemble
        from dataflows.catalog import check, pipeline_class
        from dataflows.surroundings import surroundings

        flow = Dataflow("tidemark")
        pipeline = pipeline_class(f"{module}:{name}")(settings)
        check(settings, pipeline)
        assemble(flow, surroundings(settings), settings, [pipeline])
        return flow

    return flow_of(module, build)


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
