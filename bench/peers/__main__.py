"""`python -m bench.peers`: run ours and the peers, one at a time, on the same topics."""

from __future__ import annotations

import signal
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from bench.console import console, wide
from bench.options import Json, KafkaAt
from bench.origin import ROOT, origin
from bench.peers.catalog import SUBJECTS
from bench.peers.comparison import extended, key_of, result_of
from bench.peers.document import rewritten
from bench.peers.rooms import START_UP_EVENTS, Rooms
from bench.peers.running import run
from bench.peers.subject import Subject
from bench.peers.table import shown
from bench.results import Figures, read, write
from bench.verdict import verdict
from tests.support.servers import Kafka
from tests.support.servers.endpoints import KafkaEndpoint, RunningKafka

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)
RESULT = ROOT / "bench" / "results" / "peers.json"
PAGE = ROOT / "docs" / "peers.md"


@app.command("run")
def compare(
    events: Annotated[list[int] | None, typer.Option(help="Events in a topic.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Names of the subjects to run.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Interleaved rounds.")] = 1,
    start_up: Annotated[bool, typer.Option(help="Measure what starting costs, too.")] = True,
    folder: Annotated[
        Path | None, typer.Option(help="Keeps what the topics on a running broker hold.")
    ] = None,
    json_file: Json = None,
    kafka: KafkaAt = "",
) -> None:
    """Run subjects; with --json their figures go into that file beside those that are there."""
    chosen = [_subject(name) for name in only or SUBJECTS]
    sizes = [START_UP_EVENTS] * start_up + sorted(set(events or [2_000_000, 10_000_000]))
    runs: dict[str, list[Figures]] = {}
    with ExitStack() as stack:
        room = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="peers-")))
        rooms = Rooms(room, _broker(stack, room, kafka))
        for number in range(1, rounds + 1):
            for size in sizes:
                for subject in chosen:
                    fitting = min(size, subject.most_events or size)
                    key = key_of(subject.name, fitting)
                    if len(runs.get(key, [])) >= number:  # two sizes are one to a slow subject
                        continue
                    place, truth = rooms.place(fitting)
                    figures = run(subject, place, truth)
                    console.print(
                        f"{key}: {figures['seconds']:.1f} s, {figures['cpu_s']:.1f} CPU s"
                    )
                    runs.setdefault(key, []).append(figures)
                    if json_file is not None:
                        # At once: a run that fails later must not take this one with it.
                        _keep(key, figures, json_file)
    result = read(json_file) if json_file is not None else result_of(runs, origin(False))
    wide.print(shown(result))
    wide.print(verdict([result]))


@app.command()
def broker(folder: Annotated[Path, typer.Option(help="Its data.")]) -> None:
    """Run a broker until Ctrl-C, for several `run --kafka ADDRESS --folder FOLDER`."""
    with Kafka(folder / "kafka", fast_start=False) as server:
        # Blocked only now: the broker would inherit it.
        ends = {signal.SIGINT, signal.SIGTERM}
        signal.pthread_sigmask(signal.SIG_BLOCK, ends)
        print(server.bootstrap_servers, flush=True)
        signal.sigwait(ends)


@app.command()
def table(
    file: Annotated[Path, typer.Argument(help="What `run --json` wrote.")] = RESULT,
    page: Annotated[
        Path | None, typer.Option("--write", help="Write the figures into this page.")
    ] = None,
) -> None:
    """Print the table of figures, or put it into a page."""
    result = read(file)
    if page is not None:
        page.write_text(rewritten(page.read_text(), result))
    wide.print(shown(result))
    wide.print(verdict([result]))


def _subject(name: str) -> Subject:
    if name not in SUBJECTS:
        raise typer.BadParameter(f"{name!r} is none of: {', '.join(SUBJECTS)}")
    return SUBJECTS[name]


def _broker(stack: ExitStack, room: Path, address: str) -> KafkaEndpoint:
    if address:
        return RunningKafka(address)
    console.print("starting a broker (the first time it is fetched)")
    return stack.enter_context(Kafka(room / "kafka", fast_start=False))


def _keep(key: str, figures: Figures, file: Path) -> None:
    old = read(file) if file.exists() else None
    write(extended(old, key, figures, origin(False)), file)


if __name__ == "__main__":
    app()
