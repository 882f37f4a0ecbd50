"""Plots of the results, as SVG: the same results give the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench import capacity
from bench.results import Bar, Result
from bench.spread import Spread

Results = Mapping[str, Result]
_STYLE: Any = {
    "svg.hashsalt": "tidemark",  # otherwise ids differ from run to run
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "figure.constrained_layout.use": True,
}
_BLUE, _GREY, _RED = "#1f6f8b", "#9aa5ab", "#c0392b"


def draw(results: Results, folder: Path) -> list[Path]:
    """Draw every plot that there are results for."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    with mpl.rc_context(_STYLE):
        for name, (needs, plot) in PLOTS.items():
            if all(each in results for each in needs):
                figure = plot(results)
                path = folder / f"{name}.svg"
                figure.savefig(path, format="svg", metadata={"Date": None})
                # What it writes ends some lines with blanks.
                lines = path.read_text().splitlines()
                path.write_text("".join(f"{line.rstrip()}\n" for line in lines))
                drawn.append(path)
    return drawn


def _throughput(results: Results) -> Figure:
    result = results["throughput"]
    figure = Figure(figsize=(7.0, 2.2))
    axes = figure.add_subplot()
    _across(axes, result, list(result.runs), "events_per_s", 1e6)
    axes.set_xlabel("million events a second")
    axes.set_title(f"{result.settings['events']:,} events, broker on the same cores", loc="left")
    return figure


def _stores(results: Results) -> Figure:
    result = results["stores"]
    figure = Figure(figsize=(7.0, 2.2))
    axes = figure.add_subplot()
    names = [bar.what.removesuffix(", of no store") for bar in result.bars]
    for at, bar in enumerate(result.bars):
        _beside_wanted(axes, at, bar)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlim(0.0)
    axes.set_xlabel("events a second, in parts of those without a store (line: wanted)")
    return figure


def _keys(results: Results) -> Figure:
    result = results["keys"]
    figure = Figure(figsize=(7.0, 3.0))
    axes = figure.add_subplot()
    for label, ending, color in (
        ("by users, snapshots at the default epoch", "", _BLUE),
        ("by users, no snapshots", ", no snapshots", _GREY),
    ):
        users = [n for n in result.settings["users"] if _key(n, 2_000, ending) in result.runs]
        subjects = [_key(number, 2_000, ending) for number in users]
        _line(axes, users, result, subjects, label, color)
    items = result.settings["items"]
    _line(axes, items, result, [_key(10_000, n, "") for n in items], "by items", _RED)
    axes.set_xscale("log")
    axes.set_ylim(0.0)
    axes.set_xlabel("users (2,000 items), or items (10,000 users), all in one window")
    axes.set_ylabel("million events a CPU second")
    axes.legend(frameon=False)
    return figure


def _shapes(results: Results) -> Figure:
    figure = Figure(figsize=(7.0, 4.4))
    panels = figure.subplots(2, 2)
    for axes, name, title in (
        (panels[0][0], "sizes", "size of a value"),
        (panels[0][1], "malformed", "malformed records"),
        (panels[1][0], "disorder", "disorder"),
        (panels[1][1], "partitions", "partitions"),
    ):
        result = results[name]
        subjects = [each for each in result.runs if not each.endswith(", raw")]
        _across(axes, result, subjects, "events_per_s", 1e6)
        axes.set_title(title, loc="left")
        axes.set_xlabel("million events a second")
    return figure


def _latency(results: Results) -> Figure:
    result = results["latency"]
    figure = Figure(figsize=(7.0, 2.2))
    axes = figure.add_subplot()
    for at, bar in enumerate(result.bars):
        _beside_wanted(axes, at, bar)
    axes.set_yticks(range(len(result.bars)), [bar.what for bar in result.bars])
    axes.invert_yaxis()
    axes.set_xlim(0.0)
    axes.set_xlabel("milliseconds after a window is over (line: wanted)")
    return figure


def _capacity(results: Results) -> Figure:
    fitted = capacity.samples(results)
    held_out = capacity.samples(results, ["holdout"])
    model = capacity.fit(fitted)
    figure = Figure(figsize=(4.2, 4.0))
    axes = figure.add_subplot()
    for found, label, color in ((fitted, "fitted", _GREY), (held_out, "held out", _RED)):
        measured = [each.cpu_s_per_million for each in found]
        said = [model.cpu_s_per_million(each.given) for each in found]
        axes.scatter(measured, said, label=label, color=color, s=18)
    largest = max(each.cpu_s_per_million for each in [*fitted, *held_out]) * 1.1
    axes.plot([0.0, largest], [0.0, largest], color="black", linewidth=0.7)
    axes.set_xlabel("CPU seconds per million events, measured")
    axes.set_ylabel("as the model says")
    axes.legend(frameon=False)
    return figure


PLOTS: dict[str, tuple[tuple[str, ...], Callable[[Results], Figure]]] = {
    "throughput": (("throughput",), _throughput),
    "stores": (("stores",), _stores),
    "keys": (("keys",), _keys),
    "shapes": (("sizes", "malformed", "disorder", "partitions"), _shapes),
    "latency": (("latency",), _latency),
    "capacity": (("throughput", "keys", "sizes", "partitions", "stores", "holdout"), _capacity),
}


def _key(users: int, items: int, ending: str) -> str:
    return f"{users:,} users, {items:,} items{ending}"


def _across(axes: Axes, result: Result, subjects: Sequence[str], figure: str, unit: float) -> None:
    """Draw a bar for each subject, with its spread."""
    spreads = [Spread.of([value / unit for value in result.of(s, figure)]) for s in subjects]
    axes.barh(
        range(len(subjects)),
        [each.median for each in spreads],
        xerr=[
            [each.median - each.lowest for each in spreads],
            [each.highest - each.median for each in spreads],
        ],
        color=_BLUE,
        ecolor="black",
        capsize=3,
        height=0.6,
    )
    axes.set_yticks(range(len(subjects)), subjects)
    axes.invert_yaxis()


def _beside_wanted(axes: Axes, at: int, bar: Bar) -> None:
    spread = bar.spread
    axes.barh(
        at,
        spread.median,
        xerr=[[spread.median - spread.lowest], [spread.highest - spread.median]],
        color=_BLUE if bar.met else _GREY,
        ecolor="black",
        capsize=3,
        height=0.6,
    )
    axes.plot([bar.wanted, bar.wanted], [at - 0.4, at + 0.4], color=_RED, linewidth=1.8)


def _line(
    axes: Axes, at: Sequence[int], result: Result, subjects: Sequence[str], label: str, color: str
) -> None:
    spreads = [Spread.of([v / 1e6 for v in result.of(s, "events_per_cpu_s")]) for s in subjects]
    axes.errorbar(
        at,
        [each.median for each in spreads],
        yerr=[
            [each.median - each.lowest for each in spreads],
            [each.highest - each.median for each in spreads],
        ],
        label=label,
        color=color,
        marker="o",
        markersize=4,
        capsize=3,
    )
