"""The verdict: one table of what was wanted and what came out."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from bench.results import Bar, Result

COLUMNS = ("bar", "what", "wanted", "measured median", "lowest-highest", "met")


def row(bar: Bar) -> tuple[str, ...]:
    """Return a bar as a row of the table."""
    spread, unit = bar.spread, f" {bar.unit}" if bar.unit else ""
    return (
        bar.id,
        bar.what,
        f"{bar.relation} {bar.wanted:{bar.form}}{unit}",
        f"{spread.median:{bar.form}}{unit}",
        f"{spread.lowest:{bar.form}}-{spread.highest:{bar.form}}",
        "yes" if bar.met else "NO",
    )


def verdict(results: Iterable[Result]) -> Table:
    """Return the table of all bars, in their order."""
    found = list(results)
    quick = any(result.origin.quick for result in found)
    title = "QUICK: these figures count for nothing" if quick else "Bars"
    table = Table(title=title)
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in ("bar", "what") else "right")
    bars = [bar for result in found for bar in result.bars]
    for bar in sorted(bars, key=lambda each: each.id):
        table.add_row(*row(bar), style=None if bar.met else "bold red")
    return table


def unmet(results: Iterable[Result]) -> list[Bar]:
    """Return the bars that are not met."""
    return [bar for result in results for bar in result.bars if not bar.met]
