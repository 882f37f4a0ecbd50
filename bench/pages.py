"""The tables of docs/performance.md, from the results: no figure there is typed by hand.

`python -m bench docs` writes what lies between `<!-- bench NAME -->` and `<!-- bench end -->`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from bench import capacity, report, verdict
from bench.plots import PLOTS
from bench.results import Figures, Result
from bench.suite import SUITE
from tidemark.errors import TidemarkError

Results = Mapping[str, Result]
_BLOCK = re.compile(r"(<!-- bench ([a-z0-9 -]+?) -->\n).*?(<!-- bench end -->)", re.DOTALL)
_NOT_YET = "Not measured yet."
_TYPICAL: Figures = {
    "bytes_an_event": 205.0,
    "malformed_share": 0.0,
    "items": 100_000.0,
    "sqlite": 0.0,
}
_LOADS = (
    (100_000.0, 100_000.0, 12.0),
    (250_000.0, 100_000.0, 12.0),
    (100_000.0, 1_000_000.0, 12.0),
    (500_000.0, 100_000.0, 24.0),
    (1_000_000.0, 1_000_000.0, 48.0),
    (10_000_000.0, 10_000_000.0, 480.0),
    (100_000_000.0, 100_000_000.0, 4_800.0),
)
"""Events a second, users in a window, partitions."""


_SAID_OF = {
    "throughput": "Events a second of a bare consumer, one process and two",
    "stores": "Events a second with each store, in parts of those without",
    "keys": "Events a CPU second by users and by items in a window",
    "shapes": "Events a second by size of values, malformed records, disorder, partitions",
    "latency": "Latency at two rates",
    "capacity": "CPU as measured, and as the model says",
}
"""What a plot shows, for those who do not see it."""


class UnknownBlock(TidemarkError):
    """The page asks for a table that nobody makes."""


def written(page: str, results: Results) -> str:
    """Return the page with its tables made anew. Raises UnknownBlock."""

    def block(found: re.Match[str]) -> str:
        name = found[2]
        if name.startswith("plot "):
            text = _plot(name.removeprefix("plot "), results)
        elif name in BLOCKS:
            try:
                text = BLOCKS[name](results)
            except capacity.TooFewSamples:
                text = _NOT_YET
        elif name in results:
            text = _figures(results[name])
        elif name in SUITE:
            text = _NOT_YET
        else:
            raise UnknownBlock(
                f"the page asks for a table of {name}, which nobody makes",
                remedy=f"it can be {', '.join([*BLOCKS, *SUITE])}",
            )
        return f"{found[1]}{text}\n{found[3]}"

    return _BLOCK.sub(block, page)


def _plot(name: str, results: Results) -> str:
    if not all(each in results for each in PLOTS[name][0]):
        return _NOT_YET
    return f"![{_SAID_OF[name]}](images/performance/{name}.svg)"


def _bars(results: Results) -> str:
    bars = sorted((b for r in results.values() for b in r.bars), key=lambda bar: bar.id)
    rounds = {bar.id: f"{len(bar.values)}" for bar in bars}
    rows = [(*verdict.row(bar), rounds[bar.id]) for bar in bars]
    return table((*verdict.COLUMNS, "rounds"), rows)


def _origins(results: Results) -> str:
    rows = []
    for name, result in results.items():
        settings = ", ".join(f"{key} {_plain(each)}" for key, each in result.settings.items())
        made = result.origin.made.replace("T", " ").removesuffix("+00:00")
        rows.append((name, made, result.origin.commit, settings))
    return table(("benchmark", "made (UTC)", "commit", "settings"), rows)


def _machine(results: Results) -> str:
    machines = {
        f"{o.machine}, {o.cores} cores, {o.memory_gib:g} GiB, {o.kernel}, Python {o.python}"
        for o in (result.origin for result in results.values())
    }
    return "\n".join(f"* {each}" for each in sorted(machines))


_MEMORY_UNITS = ((0, "MiB"), (0, "B"), (1, "MiB"), (1, "B a byte"))


def _costs(results: Results) -> str:
    model = capacity.fit(capacity.samples(results))
    rows = [
        (capacity.TERMS[name], f"{cost:.3f} µs" if cost else "0 (not seen)")
        for name, cost in model.costs_us.items()
    ]
    rows += [
        *(
            (what, f"{model.memory[name]:,.{digits}f} {unit}")
            for (name, what), (digits, unit) in zip(
                capacity.MEMORY_TERMS.items(), _MEMORY_UNITS, strict=True
            )
        ),
        ("cores that one process keeps busy", f"{model.busy:.2f}"),
    ]
    return table(("what", "CPU time, or memory"), rows)


def _fitted(results: Results) -> str:
    return _compared(results, capacity.samples(results))


def _held_out(results: Results) -> str:
    return _compared(results, capacity.samples(results, ["holdout"]))


def _compared(results: Results, found: Sequence[capacity.Sample]) -> str:
    model = capacity.fit(capacity.samples(results))
    rows = []
    for each in found:
        cpu, peak = model.cpu_s_per_million(each.given), model.peak_mib(each.given)
        rows.append(
            (
                each.name.removeprefix("holdout: "),
                f"{each.cpu_s_per_million:.2f}",
                f"{cpu:.2f}",
                f"{cpu / each.cpu_s_per_million - 1:+.0%}",
                f"{each.peak_mib:,.0f}",
                f"{peak:,.0f}",
                f"{peak / each.peak_mib - 1:+.0%}",
            )
        )
    columns = ("configuration", "CPU s per million", "model", "error")
    return table((*columns, "peak MiB", "model", "error"), rows)


def _needs(results: Results) -> str:
    model = capacity.fit(capacity.samples(results))
    rows = []
    for events_per_s, users, partitions in _LOADS:
        given = {**_TYPICAL, "users": users, "partitions": partitions}
        needed = capacity.need(model, events_per_s, given, window_s=10.0)
        rows.append(
            (
                f"{events_per_s:,.0f}",
                f"{users:,.0f}",
                f"{partitions:,.0f}",
                f"{needed.cores:,.1f}",
                f"{needed.processes:,}",
                f"{needed.gib_a_process:.1f} GiB",
                f"{needed.network_mbit_per_s / 1e3:,.2f} Gbit/s",
                f"{needed.documents_per_s:,.0f}",
                f"{needed.state_mb:,.0f} MB",
            )
        )
    columns = ("events/s", "users a window", "partitions", "cores", "processes")
    more = ("memory a process", "network in", "documents/s", "open state")
    return table((*columns, *more), rows)


def _limits(results: Results) -> str:
    model = capacity.fit(capacity.samples(results))
    given = {**_TYPICAL, "items": 2_000.0, "users": 100_000.0, "partitions": 12.0}
    given["keys_an_event"] = 0.1
    found = capacity.limits(model, results, given)
    rows = [(each.what, each.most, f"{each.events_per_s:,.0f}") for each in found]
    return table(("limit", "at most", "reached at events/s"), rows)


BLOCKS: dict[str, Callable[[Results], str]] = {
    "bars": _bars,
    "origins": _origins,
    "machine": _machine,
    "capacity costs": _costs,
    "capacity fitted": _fitted,
    "capacity held out": _held_out,
    "capacity needs": _needs,
    "capacity limits": _limits,
}


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown, numbers to the right."""
    right = [
        column > 0 and all(re.match(r"^[-+≥≤\d(>]|^$|^0", row[column]) for row in rows)
        for column in range(len(columns))
    ]
    marks = ["--:" if each else "---" for each in right]
    lines = [columns, marks, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _figures(result: Result) -> str:
    columns = [name.replace("_", " ") for name in report.figures_shown(result)]
    return table((result.name, *columns), list(report.rows(result)))


def _plain(value: object) -> str:
    match value:
        case bool() | str():
            return str(value)
        case int() | float():
            return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
        case list():
            return " / ".join(map(_plain, value))
    return str(value)
