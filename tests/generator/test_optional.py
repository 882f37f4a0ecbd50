from __future__ import annotations

import json

import numpy as np
import pytest

from generator.optional import Kind, missing


@pytest.mark.parametrize("kind", ["text", "number"])
def test_a_third_each_is_nothing_null_or_wrong(kind: Kind) -> None:
    rows, texts = missing("f", kind, 0.3, 100_000, np.random.default_rng(1))
    assert len(rows) == len(texts) == pytest.approx(30_000, rel=0.03)
    assert (np.diff(rows) > 0).all()
    gone = sum(text == "" for text in texts)
    null = sum(text == '"f":null,' for text in texts)
    assert [gone, null] == pytest.approx([10_000] * 2, rel=0.05)
    wrong = [
        json.loads("{" + text[:-1] + "}")["f"] for text in texts if text not in ("", '"f":null,')
    ]
    right = str if kind == "text" else (int, float)
    assert not any(
        isinstance(value, right) and not isinstance(value, bool) and value != "" for value in wrong
    )
    assert len({type(value) for value in wrong}) >= 4


def test_no_share_no_rows() -> None:
    rows, texts = missing("f", "text", 0.0, 1_000, np.random.default_rng(1))
    assert (len(rows), len(texts)) == (0, 0)
