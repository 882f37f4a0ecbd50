"""The live view: one picture of the demo for terminals of 60 columns and 24 lines and more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import box
from rich.align import Align
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tidemark.demo.ledger import pipelines, results
from tidemark.demo.snapshot import Snapshot, Window
from tidemark.demo.stage import Stage

_BLOCKS = " ▁▂▃▄▅▆▇█"
_WATER = "cyan"
_WIDE, _WIDEST = 100, 120


def picture(stage: Stage, width: int) -> RenderableType:
    """Draw the stage for a terminal of `width` columns."""
    minutes, seconds = divmod(int(stage.elapsed_s), 60)
    title = Text.assemble(
        ("Tidemark", f"bold {_WATER}"), f"  {stage.wanted_rate:,.0f} events/s from Kafka to SQLite"
    )
    width = min(width, _WIDEST)
    return Panel(
        _running(stage, width - 4) if stage.ready else _start(stage),
        title=title,
        title_align="left",
        subtitle=Text(
            f"{minutes}:{seconds:02d}  {stage.note}  Store and logs: {stage.place}",
            style="dim",
            no_wrap=True,
            overflow="ellipsis",
        ),
        subtitle_align="left",
        border_style=_WATER,
        box=box.ROUNDED,
        width=width,
    )


def _running(stage: Stage, width: int) -> RenderableType:
    shown = stage.snapshot
    table = pipelines(shown, width)
    return Group(_facts(stage), Text(), table, Text(), _details(shown, width))


def sparkline(values: list[int], width: int) -> str:
    """Draw the newest `width` values as blocks of 1/8 height; 0 and the highest set the scale."""
    values = values[-width:]
    top = max(values, default=0)
    return "".join(
        _BLOCKS[max(1, round(value / top * 8))] if top and value else _BLOCKS[0] for value in values
    )


def bar(value: int, top: int, width: int) -> str:
    """Draw a value as a bar of at most `width` columns, to the eighth of a column."""
    eighths = round(value / top * width * 8) if top else 0
    whole, part = divmod(eighths, 8)
    return "█" * whole + (" ▏▎▍▌▋▊▉"[part] if part else "")


def seconds(value: float | None) -> str:
    """Write a number of seconds, or a dash where there is none yet."""
    return "-" if value is None else f"{value:.1f} s"


def _start(stage: Stage) -> RenderableType:
    lines = [Text.assemble(("  ✓ ", "green"), step) for step in stage.steps[:-1]]
    frame = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"[int(stage.elapsed_s * 8) % 10]
    lines.append(Text.assemble((f"  {frame} ", _WATER), stage.steps[-1]))
    if stage.snapshot.read:
        lines.append(Text(f"    {stage.snapshot.read:,} events read so far", style="dim"))
    return Group(Text(), *lines, Text())


def _facts(stage: Stage) -> RenderableType:
    shown = stage.snapshot
    rate = "-" if stage.rate is None else f"{stage.rate:,.0f}/s"
    return _grid(
        [
            ("rate", rate),
            ("lag", f"{shown.lag:,} events"),
            ("freshness", seconds(shown.freshness_s(stage.now))),
            ("watermark lag", seconds(shown.watermark_lag_s(stage.now))),
        ]
    )


def _grid(facts: Sequence[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2), expand=True)
    for _ in facts:
        table.add_column(ratio=1, no_wrap=True)
    table.add_row(*(Text(name, style="dim") for name, _ in facts))
    table.add_row(*(Text(value, style="bold") for _, value in facts))
    return table


def _details(shown: Snapshot, width: int) -> RenderableType:
    wide = width + 4 >= _WIDE
    columns = 3 if wide else 2
    grid = Table.grid(padding=(0, 3), expand=True)
    for _ in range(columns):
        grid.add_column(ratio=1)
    room, rows = width // columns - 3, 5 if wide else 3
    top = dict(shown.windows[-1].top_items) if shown.windows else {}
    bars = [
        _bars("interactions by type", shown.totals_by_type, room, rows),
        _bars("top items, newest window", top, room, rows),
    ]
    if wide:
        bars.append(_bars("rejected by reason", shown.rejected_by_reason, room, rows, "yellow"))
        grid.add_row(*bars)
        return Group(grid, Text(), _windows(shown, width))
    grid.add_row(*bars)
    reasons = " · ".join(f"{name} {count:,}" for name, count in shown.rejected_by_reason.items())
    rejected = Text.assemble(
        ("rejected  ", "dim"), (reasons or "none", "yellow"), no_wrap=True, overflow="ellipsis"
    )
    return Group(_grid(results(shown.findings)), rejected, grid, _windows(shown, width))


def _windows(shown: Snapshot, width: int) -> RenderableType:
    newest = shown.windows[-1]
    heading = Text.assemble(
        ("final windows", "dim"),
        f" {shown.window_count:,}  ",
        (f"newest {newest.start:%H:%M:%S} UTC: ", "dim"),
        f"{newest.total:,} events, {newest.users:,} users, {newest.items:,} items",
        no_wrap=True,
        overflow="ellipsis",
    )
    line = Text(sparkline([window.total for window in shown.windows], width), style=_WATER)
    return Group(heading, Align.left(line))


def _bars(
    heading: str, values: Mapping[str, int], width: int, rows: int, style: str = _WATER
) -> RenderableType:
    shown = list(values.items())[:rows]
    name_width = min(max((len(name) for name, _ in shown), default=0), max(8, width // 2))
    number_width = max((len(f"{value:,}") for _, value in shown), default=0)
    bar_width = max(2, width - name_width - number_width - 2)
    top = max((value for _, value in shown), default=0)
    lines = [Text(heading, style="dim")]
    for name, value in shown:
        short = name if len(name) <= name_width else name[: name_width - 1] + "…"
        lines.append(
            Text.assemble(
                f"{short:<{name_width}} ",
                (f"{value:>{number_width},} ", "bold"),
                (bar(value, top, bar_width), style),
                no_wrap=True,
            )
        )
    if not shown:
        lines.append(Text("none", style="dim"))
    return Group(*lines)


def window_line(window: Window) -> str:
    """Write a window as one line."""
    top = ", ".join(f"{item} {count}" for item, count in window.top_items[:3])
    return (
        f"{window.start:%H:%M:%S} {window.total:,} events,"
        f" {window.users:,} users, {window.items:,} items; top {top}"
    )
