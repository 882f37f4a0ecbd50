"""The table of one benchmark's figures."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table

from bench.results import Result
from bench.spread import Spread


def figures_shown(result: Result) -> list[str]:
    """Return the figures that every subject has, in their order; those of a few come last."""
    names: dict[str, None] = {}
    for runs in result.runs.values():
        for run in runs:
            names |= dict.fromkeys(run)
    return list(names)


def rows(result: Result) -> Iterator[tuple[str, ...]]:
    """Yield a row for each subject: its name, and each figure as median and spread."""
    names = figures_shown(result)
    for subject, runs in result.runs.items():
        cells = []
        for name in names:
            values = [run[name] for run in runs if name in run]
            cells.append(_text(values) if values else "")
        yield subject, *cells


def shown(result: Result) -> Table:
    """Return the table."""
    rounds = result.settings["rounds"]
    quick = ", QUICK: does not count" if result.origin.quick else ""
    table = Table(
        title=f"{result.name}: medians of {rounds} interleaved rounds (lowest-highest){quick}",
        caption="\n".join(result.notes),
    )
    table.add_column(result.name)
    for name in figures_shown(result):
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows(result):
        table.add_row(*row)
    return table


def _text(values: list[float]) -> str:
    spread = Spread.of(values)
    largest = max(map(abs, values))
    form = ",.0f" if largest >= 100 else ".1f" if largest >= 10 else ".3f"
    return f"{spread.median:{form}}" if len(values) == 1 else spread.text(form)
