"""`tidemark run`: the dataflow as a supervised group of processes."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


class MissingOffset(StrEnum):
    """What to do where retention has deleted the place to resume from."""

    FAIL = "fail"
    EARLIEST = "earliest"


@app.command()
def run(
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="Processes; these scale.  [default: run.processes]"),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Threads of each process.  [default: run.workers]"),
    ] = None,
    member: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Run one process, this member of the cluster at run.addresses.  [default:"
            " run.member]",
        ),
    ] = None,
    until_end: Annotated[
        bool,
        typer.Option("--until-end", help="Process what is in the topics now, then end."),
    ] = False,
    on_missing_offset: Annotated[
        MissingOffset | None,
        typer.Option(
            help="When retention has deleted the place to resume from: stop, or go on from the"
            " earliest record.  [default: source.on_missing_offset]"
        ),
    ] = None,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Throw the recovery store away and start from nothing."),
    ] = False,
    flow: Annotated[
        str, typer.Option(metavar="MODULE:NAME", help="The dataflow to run.")
    ] = "dataflows.main:flow",
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", help="Settings file, not $TIDEMARK_CONFIG or ./config.yaml."
        ),
    ] = None,
) -> None:
    """Run the dataflow: prepare its recovery store, start its processes, keep them going.

    When a process dies, all are restarted from the last snapshot. SIGTERM and Ctrl-C stop cleanly.

    Exit codes: 0 the input ended or SIGTERM stopped it, 1 failed, 2 configuration, 130 Ctrl-C.
    """
    environ = os.environ
    if config is not None:
        environ["TIDEMARK_CONFIG"] = str(config.absolute())
    if member is not None:
        environ["TIDEMARK_RUN__MEMBER"] = str(member)
    if until_end:
        environ["TIDEMARK_SOURCE__UNTIL_END"] = "true"
    if on_missing_offset is not None:
        environ["TIDEMARK_SOURCE__ON_MISSING_OFFSET"] = on_missing_offset.value

    from tidemark.config import load_settings
    from tidemark.log import configure_logging
    from tidemark.notify.beside import notifying
    from tidemark.observability.run import observed
    from tidemark.supervisor.group import Supervisor
    from tidemark.supervisor.recovery import prepare_store
    from tidemark.supervisor.restarts import Policy
    from tidemark.supervisor.spec import GroupSpec
    from tidemark.supervisor.startup import load_limit_s

    settings = load_settings()
    configure_logging(settings.logging)
    with prepare_store(settings, fresh=fresh) as store:
        spec = GroupSpec(
            recovery_directory=store.directory,
            epoch_interval_s=settings.engine.epoch_interval_s,
            backup_interval_s=settings.recovery.backup_interval_s,
            processes=processes or settings.run.processes,
            workers=workers or settings.run.workers,
            flow=flow,
            cluster=settings.run.cluster(),
            member=settings.run.member or 0,
        )
        supervisor = Supervisor(spec, Policy(load_limit_s=load_limit_s(settings)))
        with (
            notifying(settings) as beside,
            observed(settings, supervisor.state, store.directory, beside),
        ):
            code = supervisor.run()
    raise typer.Exit(code)
