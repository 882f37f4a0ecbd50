"""Results: what a benchmark has measured, what was wanted of it, and where it ran; as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

from bench.spread import Spread
from tidemark.errors import TidemarkError

Relation = Literal[">=", "<="]
Figures = dict[str, float]
"""Figures of one run by name; the names carry the units."""


class UnreadableResult(TidemarkError):
    """A file holds no result."""


class Origin(msgspec.Struct, frozen=True):
    """Where and when, and of which commit. Figures of two origins are not to be compared."""

    machine: str
    cores: int
    memory_gib: float
    python: str
    kernel: str
    commit: str
    """With `+` behind it where files differed from the commit."""
    made: str
    """UTC, ISO-8601."""
    quick: bool = False
    """Made to try the benchmark out: its figures count for nothing."""


class Bar(msgspec.Struct, frozen=True):
    """One thing that was wanted, and what came out, round by round."""

    id: str
    """Number of the bar and a letter, as in `1a`."""
    what: str
    relation: Relation
    wanted: float
    values: list[float]
    unit: str = ""

    @property
    def spread(self) -> Spread:
        """What came out."""
        return Spread.of(self.values)

    @property
    def met(self) -> bool:
        """Tell whether the median is good enough."""
        median = self.spread.median
        return median >= self.wanted if self.relation == ">=" else median <= self.wanted

    @property
    def form(self) -> str:
        """How to write its numbers."""
        return ",.0f" if max(self.wanted, *map(abs, self.values)) >= 100 else ".2f"


class Result(msgspec.Struct, frozen=True):
    """All of one benchmark."""

    name: str
    origin: Origin
    settings: dict[str, Any]
    runs: dict[str, list[Figures]]
    """By subject, one entry a round, all subjects in the same rounds."""
    bars: list[Bar] = []
    notes: list[str] = []
    """What a reader has to know about the figures."""
    given: dict[str, Figures] = {}
    """By subject what it was given, as the capacity model wants it."""

    def of(self, subject: str, figure: str) -> list[float]:
        """Return one figure of a subject, round by round."""
        return [run[figure] for run in self.runs[subject]]


def write(result: Result, path: Path) -> None:
    """Write it to a file, or into a folder under its name."""
    file = path / f"{result.name}.json" if path.is_dir() or not path.suffix else path
    file.parent.mkdir(parents=True, exist_ok=True)
    rounded = msgspec.json.decode(msgspec.json.encode(result))
    file.write_bytes(msgspec.json.format(msgspec.json.encode(_rounded(rounded)), indent=1) + b"\n")


def read(path: Path) -> Result:
    """Read a file. Raises UnreadableResult."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Result)
    except (OSError, msgspec.MsgspecError) as error:
        raise UnreadableResult(
            f"{path.name} holds no result: {error}", remedy="run that benchmark again with --json"
        ) from error


def read_all(folder: Path) -> dict[str, Result]:
    """Read all results in a folder, by name."""
    found = [read(path) for path in sorted(folder.glob("*.json"))]
    return {result.name: result for result in found}


def _rounded(value: Any) -> Any:
    """Return the value with six significant digits: more was not measured."""
    match value:
        case float():
            return float(f"{value:.6g}")
        case dict():
            return {key: _rounded(each) for key, each in value.items()}
        case list():
            return [_rounded(each) for each in value]
    return value
