"""The table of figures, for a terminal and for a page."""

from __future__ import annotations

from rich.table import Table

from bench.peers.comparison import Line, lines_of
from bench.results import Result
from bench.verdict import COLUMNS as BAR_COLUMNS
from bench.verdict import row as bar_row

COLUMNS = (
    "subject",
    "events",
    "runs",
    "events/s",
    "CPU s per million",
    "without start",
    "peak MiB",
    "lost as late",
    "open at the end",
    "start-up s",
    "lines",
)


def cells(line: Line) -> tuple[str, ...]:
    """Return a line's cells, in the order of COLUMNS."""
    return (
        line.subject,
        f"{line.events:,}",
        f"{line.runs}",
        f"{line.events_per_s:,.0f}",
        f"{line.cpu_s_per_million:.2f}",
        "" if line.net_cpu_s_per_million is None else f"{line.net_cpu_s_per_million:.2f}",
        f"{line.peak_mib:,.0f}",
        _share(line.lost_share),
        f"{line.open_windows}",
        "" if line.start_up_s is None else f"{line.start_up_s:.1f}",
        f"{line.lines}",
    )


def _share(share: float) -> str:
    if not share:
        return "0"
    return "<0.01%" if share < 0.0001 else f"{share:.2%}" if share < 0.01 else f"{share:.1%}"


def shown(result: Result) -> Table:
    """Return the table for a terminal."""
    table = Table(title="Ours and the peers, medians", caption="\n".join(result.notes))
    for column in COLUMNS:
        table.add_column(column, justify="left" if column == "subject" else "right")
    for line in lines_of(result):
        table.add_row(*cells(line))
    return table


def written(result: Result) -> str:
    """Return the tables of figures and bars for a page, and where they come from."""
    origin = result.origin
    tables = [
        f"{origin.machine}, {origin.cores} cores, {origin.memory_gib:g} GiB, {origin.kernel}, "
        f"Python {origin.python}, commit {origin.commit}, {origin.made}.",
        _table(COLUMNS, [cells(line) for line in lines_of(result)], left=1),
    ]
    if result.bars:
        tables.append(_table(BAR_COLUMNS, [bar_row(bar) for bar in result.bars], left=2))
    return "\n\n".join(tables)


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]], left: int) -> str:
    sides = ["---"] * left + ["---:"] * (len(columns) - left)
    return "\n".join("| " + " | ".join(row) + " |" for row in (columns, sides, *rows))
