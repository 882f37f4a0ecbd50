"""`tidemark notify`: tell people of alerts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def notify(
    once: Annotated[
        bool, typer.Option("--once", help="Send what is in the topic now, then end.")
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", help="Settings file, not $TIDEMARK_CONFIG or ./config.yaml."
        ),
    ] = None,
) -> None:
    """Read the topic of alerts and send each begin and end to the channels of NOTIFY_URLS.

    `tidemark run` starts this by itself where there are channels; here it runs alone. One at a time
    may use the same alerts.notify.state.

    Exit codes: 0 stopped, with nothing left to send, 1 failed, or a channel has not taken
    everything, 2 configuration, 130 Ctrl-C, with nothing left to send.
    """
    import signal

    from tidemark.config import load_settings
    from tidemark.log import configure_logging
    from tidemark.notify.service import Notifier

    settings = load_settings(config)
    configure_logging(settings.logging)
    notifier = Notifier(settings)
    interrupted = False

    def stop(number: int, _: object) -> None:
        nonlocal interrupted
        interrupted = interrupted or number == signal.SIGINT
        notifier.stop()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    if not notifier.run(once=once):
        raise typer.Exit(1)
    if interrupted:
        raise KeyboardInterrupt
