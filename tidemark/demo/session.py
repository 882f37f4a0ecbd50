"""Run the demo from its start to its end."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from rich.console import Console

from tidemark.demo.broker import DemoBroker
from tidemark.demo.processes import DemoProcess
from tidemark.demo.room import OUT_OF_ORDERNESS_S, WINDOW_S, Room, make_room
from tidemark.demo.screen import Screen, make_screen
from tidemark.demo.snapshot import Snapshot
from tidemark.demo.stage import RateMeter, Stage
from tidemark.demo.store import StoreReader
from tidemark.demo.summary import Audit, summary
from tidemark.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK
from tidemark.kafka_admin import pipeline_topics

_REFRESH_S = 0.25
_PAUSE_PER_LOOK = 10.0
_DRAIN_LIMIT_S = 60.0
_PAGE = ["dashboard", "--any-port"]
_QUIET_S = 1.0


def run_demo(directory: Path, rate: float, seconds: float | None, console: Console) -> int:
    """Run the demo for about `seconds`, or until Ctrl-C; return the exit code.

    With `seconds` the generator stops early enough for the last windows to become final; then 0
    means that final windows arrived and, in each pipeline, events read = aggregated + rejected +
    late + filtered (sessions that have not ended stay open), 1 that not. 130 after Ctrl-C.
    Raises TidemarkError if a part of the demo ends before its time.
    """
    with ExitStack() as stack:
        stack.enter_context(_term_as_interrupt())
        room = stack.enter_context(make_room(directory))
        session = _Session(room, rate, seconds, console)
        try:
            audit = session.run()
            complete = True
        except KeyboardInterrupt:
            audit = session.last_audit
            complete = False
    for line in summary(room, audit, complete=complete):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if not complete:
        return EXIT_INTERRUPTED
    return EXIT_FAILED if audit.problems else EXIT_OK


def sending_s(seconds: float) -> float:
    """Return how long to send in a demo of `seconds`: the rest closes the last windows."""
    return max(seconds - 8.0, seconds * 0.6)


def page_address(output: str) -> str | None:
    """Return where the live page says that it is; None before it does."""
    found = re.search(r"^live page: (\S+)\n", output, re.MULTILINE)
    return found[1] if found else None


class _Session:
    def __init__(self, room: Room, rate: float, seconds: float | None, console: Console) -> None:
        self._room = room
        self._rate = rate
        self._seconds = seconds
        self._console = console
        self._meter = RateMeter()
        self._steps: list[str] = []
        self._inputs: list[str] = []
        self._started = time.monotonic()
        self._look_s = 0.0
        self._note = "Ctrl-C stops everything."
        self.last_audit = Audit({}, Snapshot())

    def run(self) -> Audit:
        with ExitStack() as stack:
            # The terminal comes back first, whatever the end; then the processes, then the broker.
            room = self._room
            broker = stack.enter_context(DemoBroker())
            duration_s = None if self._seconds is None else sending_s(self._seconds)
            room.write_config(broker.address, self._rate, duration_s)
            settings = room.settings()
            wanted = settings.pipelines.wanted()
            broker.make(pipeline_topics(settings))
            reads = {name: settings.pipelines.topic_of(name) for name, _, _ in wanted}
            self._inputs = list(dict.fromkeys(reads.values()))
            dataflow = stack.enter_context(DemoProcess(room, "dataflow", "tidemark", ["run"]))
            generator = stack.enter_context(DemoProcess(room, "generator", "generator"))
            page = stack.enter_context(DemoProcess(room, "dashboard", "tidemark", _PAGE))
            reader = StoreReader(room.store, reads)
            stack.callback(reader.close)
            screen = stack.enter_context(make_screen(self._console))
            self._steps = [f"Kafka broker inside this process at {broker.address}"]
            try:
                self._until_page(screen, reader, page)
                self._until_first_window(screen, reader, broker, dataflow, generator)
                while generator.exit_code is None:
                    self._look(screen, reader)
                    dataflow.check()
                    page.check()
                generator.check(may_end=True)
                self._drain(screen, reader, broker, dataflow)
            finally:
                self.last_audit = Audit(self._sent(broker), reader.read())
            return self.last_audit

    def _until_page(self, screen: Screen, reader: StoreReader, page: DemoProcess) -> None:
        while (address := page_address(page.output)) is None:
            self._look(screen, reader)
            page.check()
        self._steps.append(f"live page at {address}")
        self._note = f"Live page: {address}  {self._note}"

    def _until_first_window(
        self,
        screen: Screen,
        reader: StoreReader,
        broker: DemoBroker,
        dataflow: DemoProcess,
        generator: DemoProcess,
    ) -> None:
        waits: list[tuple[str, str, Callable[[Snapshot], bool]]] = [
            (
                "generator starts",
                f"generator sends {self._rate:,.0f} events/s, some of them wrong or late",
                lambda _: any(self._sent(broker).values()),
            ),
            (
                "dataflow starts",
                "dataflow reads them",
                lambda shown: shown.read > 0,
            ),
            (
                f"first window becomes final: {WINDOW_S} s long, {OUT_OF_ORDERNESS_S:g} s for"
                " what comes out of order",
                "first window is final",
                lambda shown: shown.window_count > 0,
            ),
        ]
        shown = Snapshot()
        for waiting, done, condition in waits:
            if condition(shown):  # it came with the one before
                self._steps.append(done)
                continue
            self._steps.append(f"{waiting} …")
            while not condition(shown := self._look(screen, reader)):
                dataflow.check()
                generator.check(may_end=True)
                if generator.exit_code is not None and not any(self._sent(broker).values()):
                    generator.check()
            self._steps[-1] = done

    def _drain(
        self, screen: Screen, reader: StoreReader, broker: DemoBroker, dataflow: DemoProcess
    ) -> None:
        self._note = "The generator is done; the last windows become final."
        sent = sum(self._sent(broker).values())
        deadline = time.monotonic() + _DRAIN_LIMIT_S
        before, since_s = Snapshot(), time.monotonic()
        while time.monotonic() < deadline:
            shown = self._look(screen, reader)
            if shown.pipelines != before.pipelines:
                before, since_s = shown, time.monotonic()
            quiet = time.monotonic() - since_s >= _QUIET_S  # sessions may still come to their end
            if shown.read == sent and shown.settled and quiet:
                return
            dataflow.check()

    def _sent(self, broker: DemoBroker) -> dict[str, int]:
        return {topic: broker.records(topic) for topic in self._inputs}

    def _look(self, screen: Screen, reader: StoreReader) -> Snapshot:
        # The longer a demo has run, the longer a look takes: it must not become all there is.
        time.sleep(max(_REFRESH_S, _PAUSE_PER_LOOK * self._look_s))
        before_s = time.monotonic()
        shown = reader.read()
        self._look_s = time.monotonic() - before_s
        screen.show(
            Stage(
                steps=list(self._steps),
                ready=shown.window_count > 0,
                snapshot=shown,
                rate=self._meter.update(shown),
                wanted_rate=self._rate,
                elapsed_s=time.monotonic() - self._started,
                now=datetime.now(UTC),
                place=_short(self._room.directory),
                note=self._note,
            )
        )
        return shown


def _short(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


@contextmanager
def _term_as_interrupt() -> Iterator[None]:
    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
