"""`tidemark alerts`: see alerts, and test the channels."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dashboard.alerting import Alert

app = typer.Typer(
    no_args_is_help=True, help="See alerts, and test who is told.", pretty_exceptions_enable=False
)

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="Settings file, not $TIDEMARK_CONFIG or ./config.yaml."
    ),
]
_MOST = 10_000


@app.command("test")
def send_trial(
    channel: Annotated[
        list[str] | None, typer.Option(help="Only this one; may be given several times.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Send one test message to each channel and say what became of it.

    Exit codes: 0 all were taken, 1 some were not, 2 configuration, or there is no such channel.
    """
    from concurrent.futures import ThreadPoolExecutor

    from tidemark.config import load_settings
    from tidemark.notify.channels import Channel, NotSent, open_channels
    from tidemark.notify.messages import trial_message

    channels = {each.name: each for each in open_channels(load_settings(config))}
    if not channels:
        typer.echo("there is no channel: set NOTIFY_URLS (or NOTIFY_URLS_FILE)", err=True)
        raise typer.Exit(2)
    if unknown := [name for name in channel or () if name not in channels]:
        known = ", ".join(channels)
        typer.echo(f"no channel {', '.join(unknown)}; there are: {known}", err=True)
        raise typer.Exit(2)

    def result(each: Channel) -> str:
        try:
            each.sender.send(trial_message(each.name))
        except NotSent as error:
            return f"failed: {error}"
        return "ok"

    chosen = [channels[name] for name in channel or channels]
    with ThreadPoolExecutor(len(chosen)) as threads:
        results = list(threads.map(result, chosen))
    width = max(len(each.name) for each in chosen)
    for each, told in zip(chosen, results, strict=True):
        typer.echo(f"{each.name:<{width}}  {told}")
    raise typer.Exit(0 if set(results) == {"ok"} else 1)


@app.command("list")
def list_(
    past: Annotated[
        int, typer.Option(min=0, help="How many alerts that have ended to show as well.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    config: ConfigOption = None,
) -> None:
    """Show the open alerts, newest first, from the first document store that can be read."""
    from contextlib import closing

    from dashboard.alerting import pair
    from dashboard.reading import open_reader
    from tidemark.config import load_settings

    with closing(open_reader(load_settings(config))) as reader:
        begins, ends = reader.alerts("begin", _MOST), reader.alerts("end", _MOST)
    if len(ends) == _MOST:
        # What began before the oldest of these may have ended unseen.
        begins = [each for each in begins if each["timestamp"] >= ends[-1]["timestamp"]]
        typer.echo(f"only the newest {_MOST} that have ended are looked at", err=True)
    open_, ended = pair([*begins, *ends])
    shown = [*open_, *ended[:past]]
    for each in shown:
        typer.echo(json.dumps(_as_json(each), ensure_ascii=False) if as_json else _line(each))
    if not shown and not as_json:
        typer.echo("no alert is open", err=True)


def _as_json(alert: Alert) -> dict[str, object]:
    return {
        "rule": alert.rule,
        "subject": alert.subject,
        "severity": alert.severity,
        "state": "open" if alert.ended_ms is None else "ended",
        "began": _moment(alert.began_ms),
        "ended": _moment(alert.ended_ms),
        "value": alert.value,
        "threshold": alert.threshold,
        "message": alert.message,
    }


def _line(alert: Alert) -> str:
    from tidemark.messages import printable

    until = f" to {_moment(alert.ended_ms)}" if alert.ended_ms is not None else ""
    since = _moment(alert.began_ms) or "(unknown)"
    return (
        f"{alert.severity:<8}  {since}{until}  {alert.rule}  {printable(alert.subject)}"
        f"  {printable(alert.message)}"
    )


def _moment(milliseconds: int | None) -> str | None:
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
