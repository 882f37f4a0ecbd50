"""Rankings: the algebra of merging, ties by key."""

from __future__ import annotations

from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from stats.ranking import Ranked, largest, merge_rankings, smallest

COUNTS = st.dictionaries(st.text(max_size=3), st.integers(1, 4), max_size=15)


def ranked(counts: dict[str, int]) -> list[Ranked]:
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))


@given(COUNTS, st.lists(st.integers(0, 3), min_size=15, max_size=15), st.integers(0, 6))
def test_merged_parts_are_the_first_of_the_whole(
    counts: dict[str, int], homes: list[int], k: int
) -> None:
    parts: list[dict[str, int]] = [{}, {}, {}, {}]
    for home, (key, count) in zip(homes, counts.items(), strict=False):
        parts[home][key] = count
    rankings = [ranked(part)[:k] for part in parts]
    wanted = ranked(counts)[:k]
    assert merge_rankings(rankings, k) == wanted
    assert merge_rankings(rankings[::-1], k) == wanted
    left = reduce(lambda a, b: merge_rankings((a, b), k), rankings)
    right = reduce(lambda a, b: merge_rankings((b, a), k), rankings[::-1])
    assert left == right == wanted


@given(COUNTS)
def test_extremes_are_those_of_the_ranking_with_ties_by_key(counts: dict[str, int]) -> None:
    entries = list(counts.items())
    fewest = sorted(counts.items(), key=lambda entry: (entry[1], entry[0]))
    assert largest(*entries) == (ranked(counts)[0] if counts else None)
    assert smallest(*entries) == (fewest[0] if counts else None)
    assert largest(None, *entries[::-1]) == largest(*entries, None)


def test_ties_go_to_the_smaller_id_as_text() -> None:
    entries = [("b", 2), ("10", 2), ("9", 2), ("B", 2), ("ä", 2)]
    assert [key for key, _ in merge_rankings([entries], 5)] == ["10", "9", "B", "b", "ä"]
    assert largest(*entries) == smallest(*entries) == ("10", 2)


def test_extremes_of_nothing_are_none() -> None:
    assert largest() is largest(None, None) is None
    assert smallest() is smallest(None) is None
