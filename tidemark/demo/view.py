"""The live view: one picture of the demo for terminals of 60 columns and more."""

from __future__ import annotations

from rich import box
from rich.align import Align
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tidemark.demo.snapshot import Snapshot, Window
from tidemark.demo.stage import Stage

_BLOCKS = " ▁▂▃▄▅▆▇█"
_WATER = "cyan"
_WIDE = 100


def picture(stage: Stage, width: int) -> RenderableType:
    """Draw the stage for a terminal of `width` columns."""
    minutes, seconds = divmod(int(stage.elapsed_s), 60)
    title = Text.assemble(
        ("Tidemark", f"bold {_WATER}"), f"  {stage.wanted_rate:,.0f} events/s from Kafka to SQLite"
    )
    body = _books(stage) if stage.ready else _start(stage)
    return Panel(
        body if not stage.ready else Group(body, Text(), _details(stage.snapshot, width - 4)),
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
        width=min(width, 120),
    )


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


def _books(stage: Stage) -> RenderableType:
    books = stage.snapshot
    table = Table.grid(padding=(0, 2), expand=True)
    for _ in range(4):
        table.add_column(ratio=1, no_wrap=True)
    rate = "-" if stage.rate is None else f"{stage.rate:,.0f}/s"
    facts = [
        ("rate", rate),
        ("lag", f"{books.lag:,} events"),
        ("freshness", seconds(books.freshness_s(stage.now))),
        ("watermark lag", seconds(books.watermark_lag_s(stage.now))),
    ]
    table.add_row(*(Text(name, style="dim") for name, _ in facts))
    table.add_row(*(Text(value, style="bold") for _, value in facts))
    audit = Text.assemble(
        (f"{books.read:,}", "bold"),
        " read = ",
        (f"{books.aggregated:,}", "bold green"),
        " aggregated + ",
        (f"{books.rejected:,}", "bold yellow"),
        " rejected + ",
        (f"{books.late:,}", "bold magenta"),
        " late + ",
        (f"{max(0, books.open):,}", "bold"),
        " open",
    )
    return Group(table, Text(), audit)


def _details(books: Snapshot, width: int) -> RenderableType:
    grid = Table.grid(padding=(0, 3), expand=True)
    columns = 3 if width + 4 >= _WIDE else 2
    for _ in range(columns):
        grid.add_column(ratio=1)
    room = width // columns - 3
    types = _bars("by type", books.totals_by_type, room, 6)
    top = dict(books.windows[-1].top_items) if books.windows else {}
    items = _bars("top items, newest window", top, room, 8 if columns == 3 else 6)
    rejects = _bars("rejected by reason", books.rejected_by_reason, room, 6, "yellow")
    if columns == 3:
        grid.add_row(types, items, rejects)
        return Group(grid, Text(), _windows(books, width))
    grid.add_row(types, items)
    return Group(grid, Text(), rejects, Text(), _windows(books, width))


def _windows(books: Snapshot, width: int) -> RenderableType:
    newest = books.windows[-1]
    heading = Text.assemble(
        ("final windows", "dim"),
        f"  {books.window_count:,}   ",
        (f"newest {newest.start:%H:%M:%S}-{newest.end:%H:%M:%S} UTC: ", "dim"),
        f"{newest.total:,} events, {newest.users:,} users, {newest.items:,} items",
        no_wrap=True,
        overflow="ellipsis",
    )
    line = Text(sparkline([window.total for window in books.windows], width), style=_WATER)
    return Group(heading, Align.left(line))


def _bars(
    heading: str, values: dict[str, int], width: int, rows: int, style: str = _WATER
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
