"""One process of the group: load the dataflow and run it by Bytewax's own entry point.

`python -m tidemark.supervisor.worker` is what the supervisor starts. It runs the same `flow` as
`python -m bytewax.run dataflows.main`; what it adds is a sign once the group has connected, and
errors told as one clear message instead of a wrapped traceback between Rust panics.
Exit codes: 0 the input has ended, 1 failed, 2 configuration, 130 interrupted.
"""

from __future__ import annotations

import argparse
import copy
import importlib
import os
import sys
import traceback
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from prometheus_client import REGISTRY

from tidemark.errors import EXIT_INTERRUPTED, TidemarkError
from tidemark.observability.channel import answer
from tidemark.observability.exposition import exposition
from tidemark.redaction import redact
from tidemark.supervisor.lifeline import Interrupts, die_with
from tidemark.supervisor.listening import wait_for_listeners
from tidemark.supervisor.report import Failure, Reporter, Stage, causes, is_panic
from tidemark.supervisor.wrapped import keep_wrapped_errors

if TYPE_CHECKING:
    from bytewax.dataflow import Dataflow


class FlowNotFound(TidemarkError):
    """There is no dataflow where one was said to be."""


class RecoveryStoreDamaged(TidemarkError):
    """Bytewax cannot resume from the recovery store."""

    permanent = True


def main() -> None:
    """Run one worker process as its command line says, and exit."""
    args = _parse(sys.argv[1:])
    reporter = Reporter(args.report_fd)
    if args.supervisor_pid is not None:
        die_with(args.supervisor_pid)
    if args.log_fd is not None:
        _part_from_native_output(args.log_fd)
    first_error = keep_wrapped_errors()
    interrupts = Interrupts()
    if args.metrics_fd is not None:
        answer(args.metrics_fd, partial(exposition, REGISTRY))
    stage: Stage = "load"
    try:
        flow = _load(args.flow)
        reporter.loaded()
        stage = "run"
        _run(flow, args, reporter.ready, interrupts)
    except SystemExit:
        raise
    except BaseException as error:
        _end(_explained(error, first_error(), interrupts), stage, reporter)


def _part_from_native_output(log_fd: int) -> None:
    """Let Python write where the supervisor does, and native code into the supervisor's pipe.

    That pipe is fd 2: Rust panics, librdkafka, and Bytewax printing an error that it then drops.
    """
    sys.stderr = os.fdopen(log_fd, "w", buffering=1, errors="replace")
    sys.stdout = os.fdopen(os.dup(1), "w", buffering=1, errors="replace")
    os.dup2(2, 1)

    def print_dropped(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        traceback.print_exception(kind, error, trace, file=sys.__stderr__)

    sys.excepthook = print_dropped


def _explained(
    error: BaseException, first: BaseException | None, interrupts: Interrupts
) -> BaseException:
    if not is_panic(error):
        return error
    if first is not None:
        return first
    return KeyboardInterrupt() if interrupts.received else error


def _end(error: BaseException, stage: Stage, reporter: Reporter) -> None:
    if any(isinstance(cause, KeyboardInterrupt) for cause in causes(error)):
        code = EXIT_INTERRUPTED
    else:
        failure = Failure.of(_translated(error), stage)
        reporter.failed(failure)
        if reporter.fd is None:
            text = f"error: {failure.message}\n"
            text += f"  remedy: {failure.remedy}\n" if failure.remedy else ""
            shown = redact(text if failure.known else failure.traceback)
            print(shown, end="", file=sys.stderr)
        code = failure.exit_code
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: a thread of a store that still waits for its server would hold the end up.
    os._exit(code)


def _load(name: str) -> Dataflow:
    from tidemark.config import load_settings
    from tidemark.log import configure_logging

    configure_logging(load_settings().logging)
    from bytewax.dataflow import Dataflow

    module_name, _, attribute = name.partition(":")
    flow = getattr(importlib.import_module(module_name), attribute or "flow", None)
    if not isinstance(flow, Dataflow):
        raise FlowNotFound(f"{name} is no Bytewax dataflow, but {type(flow).__name__}")
    return flow


def _run(
    flow: Dataflow,
    args: argparse.Namespace,
    on_connected: Callable[[], None],
    interrupts: Interrupts,
) -> None:
    from bytewax.recovery import RecoveryConfig
    from bytewax.run import cli_main

    def connected() -> None:
        interrupts.exit_at_once = False
        on_connected()

    recovery = RecoveryConfig(  # type: ignore[no-untyped-call] # native
        args.recovery_directory, timedelta(seconds=args.backup_interval_s)
    )
    interrupts.exit_at_once = True
    addresses = args.addresses.split(";") if args.addresses else None
    if addresses:
        wait_for_listeners(addresses[: args.process])
    cli_main(  # type: ignore[no-untyped-call] # native, without annotations
        _observed(flow, connected),
        workers_per_process=args.workers,
        process_id=args.process,
        addresses=addresses,
        epoch_interval=timedelta(seconds=args.epoch_interval_s),
        recovery_config=recovery,
    )


def _observed(flow: Dataflow, on_build: Callable[[], None]) -> Dataflow:
    """Return `flow`, with a call of `on_build` when Bytewax first looks at its steps.

    That is the first Python that runs after all processes have found each other.
    """
    told = False

    class Observed(type(flow)):  # type: ignore[misc]
        @property
        def substeps(self) -> Any:
            nonlocal told
            if not told:
                told = True
                on_build()
            return self.__dict__["substeps"]

    observed = copy.copy(flow)
    object.__setattr__(observed, "__class__", Observed)
    return observed


def _translated(error: BaseException) -> BaseException:
    from bytewax.recovery import (
        InconsistentPartitionsError,
        MissingPartitionsError,
        NoPartitionsError,
    )

    broken = (InconsistentPartitionsError, MissingPartitionsError, NoPartitionsError)
    for cause in causes(error):
        if isinstance(cause, broken):
            return RecoveryStoreDamaged(
                f"the recovery store cannot be resumed from: {cause}",
                remedy="restore it from a backup, or start from nothing with --fresh",
            )
    return error


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tidemark.supervisor.worker")
    parser.add_argument("--flow", default="dataflows.main:flow")
    parser.add_argument("--recovery-directory", type=Path, required=True)
    parser.add_argument("--epoch-interval-s", type=int, required=True)
    parser.add_argument("--backup-interval-s", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--process", type=int)
    parser.add_argument("--addresses")
    supervised = parser.add_argument_group("set by the supervisor")
    supervised.add_argument("--supervisor-pid", type=int)
    supervised.add_argument("--report-fd", type=int)
    supervised.add_argument("--log-fd", type=int)
    supervised.add_argument("--metrics-fd", type=int)
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
