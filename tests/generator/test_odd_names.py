from __future__ import annotations

import itertools

import pytest

from generator.odd_names import CATEGORIES, replaced, with_odd_names


def test_odd_names_get_their_share_together() -> None:
    weights = with_odd_names({"a": 30.0, "b": 10.0}, ["$", "."], 0.1)
    assert weights == pytest.approx({"a": 0.675, "b": 0.225, "$": 0.05, ".": 0.05})


def test_an_odd_name_that_is_there_already_gets_more() -> None:
    assert with_odd_names({"$": 1.0}, ["$"], 0.5) == {"$": 1.0}


def test_no_share_changes_nothing() -> None:
    assert with_odd_names({"a": 3.0}, ["$"], 0.0) == {"a": 3.0}
    assert replaced(["a", "b"], ["$"], 0.0) == ["a", "b"]


@pytest.mark.parametrize(("share", "count"), [(0.001, 1), (0.1, 10), (0.5, 50), (1.0, 100)])
def test_words_are_replaced_evenly(share: float, count: int) -> None:
    words = replaced([f"word{n}" for n in range(100)], CATEGORIES, share)
    odd = [at for at, word in enumerate(words) if word in CATEGORIES]
    assert len(odd) == count
    steps = {after - before for before, after in itertools.pairwise(odd)}
    assert not steps or max(steps) - min(steps) <= 1
