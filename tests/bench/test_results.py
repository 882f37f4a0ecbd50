from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from bench.results import Bar, Result, UnreadableResult, read, read_all, write
from tests.bench.samples import ORIGIN, given, result


def test_a_result_comes_back_as_it_was(tmp_path: Path) -> None:
    bar = Bar("1a", "one process", ">=", 0.45, [0.5, 0.4], "events/s")
    written = Result("throughput", ORIGIN, {"rounds": 2}, {"raw": [{"seconds": 1.5}]}, [bar])
    write(written, tmp_path / "one.json")
    assert read(tmp_path / "one.json") == written


def test_a_folder_gets_a_file_named_like_the_result(tmp_path: Path) -> None:
    for name in ("keys", "sizes"):
        write(result(name, {"one": given()}), tmp_path / "results")
    assert list(read_all(tmp_path / "results")) == ["keys", "sizes"]


def test_figures_keep_six_digits(tmp_path: Path) -> None:
    write(Result("x", ORIGIN, {}, {"raw": [{"a": 1 / 3, "b": 1_234_567.0}]}), tmp_path / "x.json")
    assert read(tmp_path / "x.json").runs == {"raw": [{"a": 0.333333, "b": 1_234_570.0}]}


@pytest.mark.parametrize("text", ["", "{", '{"name": "x"}', "[]"])
def test_what_is_no_result_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(UnreadableResult, match=r"x\.json holds no result"):
        read(tmp_path / "x.json")


def test_one_figure_of_a_subject_is_there_round_by_round() -> None:
    found = Result("x", ORIGIN, {}, {"raw": [{"a": 1.0}, {"a": 2.0}]})
    assert found.of("raw", "a") == [1.0, 2.0]


def test_results_are_values() -> None:
    with pytest.raises((AttributeError, FrozenInstanceError)):
        Bar("1", "x", ">=", 1.0, [1.0]).wanted = 0.0  # type: ignore[misc] # that is the test
