"""Compare what came out of a subject with the truth."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from bench.errors import BenchmarkError
from bench.peers.truth import GROUP


@dataclass(frozen=True, slots=True)
class Outcome:
    """What of a topic came out. Each event should be in two counts: its user's and its item's."""

    counted: int
    """Sum of the counts."""
    lost: int
    """How much less than the truth that is, over the windows that were to be closed."""
    compared: int
    """The truth over those windows."""
    open_windows: int
    """Windows at the topic's end that the subject had no reason to close."""
    twice: int
    """Counts that were given out in more than one piece."""

    @property
    def lost_share(self) -> float:
        """Return the lost share of what was compared."""
        return self.lost / self.compared if self.compared else 0.0


def compare(truth: pl.DataFrame, found: pl.DataFrame, *, closes_all: bool) -> Outcome:
    """Compare counts (start_s, kind, key, type, count) with the truth.

    Without the column start_s they are totals over all windows. `closes_all`: the subject closes
    the windows at the end of its input; of others the windows after the newest one that came out
    are not compared, as nothing in the topic closes them. Pieces of a count are added up.
    Raises BenchmarkError if any count is larger than the truth, or nothing came out.
    """
    group = [name for name in GROUP if name in found.columns]
    if not closes_all:
        newest = found["start_s"].max() if found.height else None
        wanted = truth.filter(pl.col("start_s") <= newest) if newest is not None else truth.clear()
    else:
        wanted = truth
    open_windows = truth["start_s"].n_unique() - wanted["start_s"].n_unique()
    sums = found.group_by(group).agg(pl.col("count").sum(), pieces=pl.len())
    both = (
        wanted.group_by(group)
        .agg(wanted=pl.col("count").sum())
        .join(sums, on=group, how="full", coalesce=True)
        .fill_null(0)
    )
    more = both.filter(pl.col("count") > pl.col("wanted"))
    if more.height:
        raise BenchmarkError(f"{more.height} counts are too large, such as {more.row(0)}")
    counted, compared = int(both["count"].sum()), int(both["wanted"].sum())
    return Outcome(
        counted=counted,
        lost=compared - counted,
        compared=compared,
        open_windows=open_windows,
        twice=int((both["pieces"] > 1).sum()),
    )
