"""Where the demo is shown: live on a terminal, as plain lines everywhere else."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.live import Live

from tidemark.demo.ledger import results
from tidemark.demo.stage import Stage
from tidemark.demo.view import picture, seconds, window_line

_LINE_EVERY_S = 3.0


class Screen(Protocol):
    """Shows stages, one after the other."""

    def show(self, stage: Stage) -> None:
        """Show how things are now."""

    def __enter__(self) -> Screen: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def make_screen(console: Console) -> Screen:
    """Return the live view for a terminal, or the plain one."""
    live = console.is_terminal and not console.is_dumb_terminal
    return LiveScreen(console) if live else PlainScreen(console)


class LiveScreen:
    """One picture that is drawn again and again in its place."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")

    def show(self, stage: Stage) -> None:
        """Draw the picture."""
        self._live.update(picture(stage, self._console.width), refresh=True)

    def __enter__(self) -> LiveScreen:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()


class PlainScreen:
    """A line for each step of the start and each final window; how it stands every few seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._steps: list[str] = []
        self._windows = 0
        self._last_s = 0.0

    def show(self, stage: Stage) -> None:
        """Print what is new."""
        for step in stage.steps[len(self._steps) :]:
            self._print(stage, step)
            self._steps.append(step)
        shown = stage.snapshot
        if shown.window_count > self._windows:
            self._windows = shown.window_count
            self._print(stage, f"window {window_line(shown.windows[-1])}")
        if shown.read and stage.elapsed_s - self._last_s >= _LINE_EVERY_S:
            self._last_s = stage.elapsed_s
            rate = "-" if stage.rate is None else f"{stage.rate:,.0f}/s"
            self._print(
                stage,
                f"read {shown.read:,} ({rate}), lag {shown.lag:,}, rejected {shown.rejected:,},"
                f" freshness {seconds(shown.freshness_s(stage.now))}",
            )
            facts = (f"{name} {value}" for name, value in results(shown.findings))
            self._print(stage, f"so far: {'; '.join(facts)}")

    def _print(self, stage: Stage, text: str) -> None:
        self._console.print(
            f"{stage.elapsed_s:6.1f} s  {text}", markup=False, highlight=False, soft_wrap=True
        )

    def __enter__(self) -> PlainScreen:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return
