"""The books of all pipelines as a table, and what each has found, in a few words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.table import Table
from rich.text import Text

from tidemark.demo.books import Books
from tidemark.demo.snapshot import Findings, Snapshot

Column = tuple[str, Callable[[Books], int], str]
_READ: Column = ("read", lambda books: books.read, "bold")
_AGGREGATED: Column = ("= aggregated", lambda books: books.aggregated, "green")
_OPEN: Column = ("+ open", lambda books: max(0, books.open), "")
COLUMNS: tuple[Column, ...] = (
    _READ,
    _AGGREGATED,
    ("+ rejected", lambda books: books.rejected, "yellow"),
    ("+ late", lambda books: books.late, "magenta"),
    ("+ filtered", lambda books: books.filtered, ""),
    _OPEN,
)
"""Heading, number and style. The first is the sum of the others."""
_NARROW: tuple[Column, ...] = (
    _READ,
    _AGGREGATED,
    ("+ aside", lambda books: books.rejected + books.late + books.filtered, "yellow"),
    _OPEN,
)
_NORMAL_WIDTH, _WIDE_WIDTH = 76, 96


def pipelines(shown: Snapshot, width: int) -> Table:
    """Draw a row for each pipeline; where there is room, what it has found, too."""
    columns = COLUMNS if width >= _NORMAL_WIDTH else _NARROW
    wide = width >= _WIDE_WIDTH
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True)
    for _ in columns:
        table.add_column(justify="right", no_wrap=True)
    if wide:
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    headings = ["pipeline", *(heading for heading, _, _ in columns), *(["  found"] if wide else [])]
    table.add_row(*(Text(heading, style="dim") for heading in headings))
    found = findings(shown.findings)
    for books in shown.pipelines:
        cells = [Text(books.pipeline)]
        for _, number, style in columns:
            value = number(books)
            cells.append(Text(f"{value:,}", style=style if value else "dim"))
        if wide:
            cells.append(Text(f"  {found.get(books.pipeline, '')}"))
        table.add_row(*cells)
    return table


def findings(found: Findings) -> dict[str, str]:
    """Say in a few words what each pipeline has found; interactions are shown at length."""
    return {
        "logins": f"{found.devices:,} devices, {found.addresses:,} addresses",
        "processed_logins": f"{found.anomalies:,} of {found.processed:,} are odd",
        "activity": f"purchases {money(found.purchases_cents)}",
        "sales": f"revenue {money(found.revenue_cents)}",
        "inventory": f"alerts: {found.low_stock_alerts:,} low, {found.out_of_stock_alerts:,} out",
        "funnel": " > ".join(f"{name} {users:,}" for name, users in found.steps),
        "sessions": f"{found.sessions:,} ended, {found.mean_length_s:.1f} s",
    }


def results(found: Findings) -> list[tuple[str, str]]:
    """Return the four findings that tell most, each with its name."""
    return [
        ("revenue", money(found.revenue_cents)),
        ("stock alerts", f"{found.low_stock_alerts:,} low, {found.out_of_stock_alerts:,} out"),
        ("odd logins", f"{found.anomalies:,} of {found.processed:,}"),
        ("sessions", f"{found.sessions:,} ended"),
    ]


def ledger_lines(books: Sequence[Books]) -> list[str]:
    """Write the books of all pipelines as lines of text."""
    headings = ["pipeline", *(heading for heading, _, _ in COLUMNS), "windows"]
    rows = [
        [each.pipeline, *(f"{number(each):,}" for _, number, _ in COLUMNS), f"{each.windows:,}"]
        for each in books
    ]
    widths = [max(len(row[column]) for row in [headings, *rows]) for column in range(len(headings))]
    return [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in [headings, *rows]
    ]


def money(cents: int) -> str:
    """Write an amount, with the sign of what was given back."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100:,}.{abs(cents) % 100:02d}"
