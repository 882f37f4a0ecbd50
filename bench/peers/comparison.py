"""What the runs say: one line a subject and size, and the bar."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from bench.errors import BenchmarkError
from bench.peers.catalog import OURS, SUBJECTS
from bench.peers.lines import count_lines
from bench.peers.rooms import START_UP_EVENTS
from bench.results import Bar, Figures, Origin, Result

WANTED = 5.0
NAME = "peers"


@dataclass(frozen=True, slots=True)
class Line:
    """Medians of a subject's runs over one topic."""

    subject: str
    events: int
    runs: int
    events_per_s: float
    """From the start of its process to its end."""
    cpu_s_per_million: float
    net_cpu_s_per_million: float | None
    """Without what the run over START_UP_EVENTS took; None if there was none."""
    peak_mib: float
    lost_share: float
    open_windows: int
    twice: int
    start_up_s: float | None
    lines: int


def key_of(subject: str, events: int) -> str:
    """Return the name of a subject's runs over so many events."""
    return f"{subject}, {events:,} events"


def lines_of(result: Result) -> Iterator[Line]:
    """Yield the lines, ours first, then in the order of the catalogue, by size."""
    for name, subject in SUBJECTS.items():
        sizes = sorted(
            int(runs[0]["events"])
            for key, runs in result.runs.items()
            if key.rpartition(", ")[0] == name and runs
        )
        starts = result.runs.get(key_of(name, START_UP_EVENTS), [])
        start_s = _median(starts, "seconds") if starts else None
        start_cpu_s = _median(starts, "cpu_s") if starts else None
        for events in sizes:
            if events == START_UP_EVENTS:
                continue
            runs = result.runs[key_of(name, events)]
            cpu_s = _median(runs, "cpu_s")
            yield Line(
                subject=name,
                events=events,
                runs=len(runs),
                events_per_s=events / _median(runs, "seconds"),
                cpu_s_per_million=cpu_s * 1e6 / events,
                net_cpu_s_per_million=(
                    None if start_cpu_s is None else (cpu_s - start_cpu_s) * 1e6 / events
                ),
                peak_mib=_median(runs, "peak_mib"),
                lost_share=_median(runs, "lost_share"),
                open_windows=int(_median(runs, "open_windows")),
                twice=int(_median(runs, "twice")),
                start_up_s=start_s,
                lines=count_lines(subject.sources),
            )


def bars_of(lines: list[Line]) -> list[Bar]:
    """Return the bars: ours beside the best peer, each at the most events that it was given."""
    largest = {line.subject: line for line in lines}  # sizes come in their order
    ours = largest.pop(OURS, None)
    if ours is None or not largest:
        return []
    bars = [_bar("9a", "events per CPU second", ours, largest, "cpu_s_per_million")]
    if all(line.net_cpu_s_per_million for line in (ours, *largest.values())):
        what = "the same without what starting takes"
        bars.append(_bar("9b", what, ours, largest, "net_cpu_s_per_million"))
    return bars


def _bar(number: str, what: str, ours: Line, peers: dict[str, Line], figure: str) -> Bar:
    best = min(peers.values(), key=lambda line: float(getattr(line, figure)))
    ratio = getattr(best, figure) / getattr(ours, figure)
    return Bar(number, f"{what}, beside {best.subject}", ">=", WANTED, [ratio], "x")


def result_of(runs: dict[str, list[Figures]], origin: Origin) -> Result:
    """Return the result of some runs."""
    rounds = max(map(len, runs.values()), default=0)
    bare = Result(NAME, origin, {"rounds": rounds}, runs)
    return Result(NAME, origin, bare.settings, runs, bars_of(list(lines_of(bare))), _notes())


def extended(old: Result | None, key: str, figures: Figures, origin: Origin) -> Result:
    """Return a result with one more run. Raises BenchmarkError if the old one is of another origin.

    Runs may come from several calls of the command, but must be of one machine and commit.
    """
    if old is not None and (old.origin.machine, old.origin.commit) != (
        origin.machine,
        origin.commit,
    ):
        raise BenchmarkError(
            f"that file has figures of commit {old.origin.commit} on {old.origin.machine}: "
            "figures of another commit or machine belong into another file"
        )
    runs = {} if old is None else {name: list(each) for name, each in old.runs.items()}
    runs.setdefault(key, []).append(figures)
    return result_of(runs, origin)


def _notes() -> list[str]:
    return [f"{name} keeps {subject.keeps}" for name, subject in SUBJECTS.items()]


def _median(runs: list[Figures], name: str) -> float:
    return statistics.median(run[name] for run in runs)
