"""Functions of users that repair values."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidemark.deadletters.transform import (
    TransformFailed,
    WrongTransform,
    load_transform,
    repaired,
)


def test_a_function_of_the_working_directory_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_repairs.py").write_text("def fix(value):\n    return value.upper()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert repaired(load_transform("own_repairs:fix"), b"a", "clicks/0/1") == b"A"


@pytest.mark.parametrize("spec", ["json", "json:", ":dumps", "no_such:thing", "json:no_such"])
def test_what_is_no_function_is_refused(spec: str) -> None:
    with pytest.raises(WrongTransform, match="--transform"):
        load_transform(spec)


def test_a_value_that_is_no_function_is_refused() -> None:
    with pytest.raises(WrongTransform, match="is no function"):
        load_transform("json:__name__")


def test_a_failure_names_the_record() -> None:
    def fail(_value: bytes) -> bytes:
        raise KeyError("user_id")

    with pytest.raises(TransformFailed, match=r"clicks/0/1: KeyError: 'user_id'"):
        repaired(fail, b"", "clicks/0/1")


def test_text_is_not_taken_for_bytes() -> None:
    with pytest.raises(TransformFailed, match="returned str"):
        repaired(lambda value: value.decode(), b"a", "clicks/0/1")  # type: ignore[arg-type,return-value]
