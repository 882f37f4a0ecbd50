from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.faults import (
    DUPLICATE,
    FAULTS,
    FUTURE,
    LATE,
    MALFORMED_KINDS,
    NONE,
    OUT_OF_ORDER,
    draw_faults,
    draw_sources,
    malform,
)
from generator.settings import FaultSettings


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_each_fault_gets_its_share() -> None:
    shares = {f"{fault}_share": 0.02 * at for at, fault in enumerate(FAULTS) if at}
    codes = draw_faults(FaultSettings(**shares), rng(), 200_000).codes
    expected = [1 - sum(shares.values()), *shares.values()]
    assert np.bincount(codes) / 200_000 == pytest.approx(expected, abs=0.003)


def test_no_share_no_fault() -> None:
    faults = draw_faults(FaultSettings(), rng(), 10_000)
    assert not faults.codes.any()
    assert not faults.shift_us.any()


def test_shares_of_one_leave_nothing_sound() -> None:
    codes = draw_faults(FaultSettings(late_share=1.0), rng(), 10_000).codes
    assert (codes == LATE).all()


def test_times_are_shifted_as_the_fault_says() -> None:
    settings = FaultSettings(
        out_of_order_share=0.3,
        out_of_order_s=4.0,
        late_share=0.3,
        late_s=60.0,
        future_share=0.3,
        future_s=120.0,
    )
    faults = draw_faults(settings, rng(), 50_000)
    shuffled = faults.shift_us[faults.codes == OUT_OF_ORDER]
    assert shuffled.min() >= -4_000_000
    assert shuffled.max() <= 0
    assert shuffled.mean() == pytest.approx(-2_000_000, rel=0.05)
    assert set(faults.shift_us[faults.codes == LATE].tolist()) == {-60_000_000}
    assert set(faults.shift_us[faults.codes == FUTURE].tolist()) == {120_000_000}
    assert not faults.shift_us[faults.codes == NONE].any()


@given(
    codes=st.lists(st.integers(0, len(FAULTS) - 1), min_size=1, max_size=200),
    within=st.integers(1, 20),
)
def test_duplicates_repeat_a_sound_record_shortly_before(codes: list[int], within: int) -> None:
    array = np.array(codes, dtype=np.int64)
    duplicates, sources = draw_sources(array, within, rng())
    sound = np.flatnonzero((array == NONE) | (array == OUT_OF_ORDER))
    assert (sources < duplicates).all()
    assert np.isin(sources, sound).all()
    between = np.searchsorted(sound, duplicates) - np.searchsorted(sound, sources)
    assert (between <= within).all()
    without_source = np.flatnonzero(array == DUPLICATE)
    without_source = without_source[np.searchsorted(sound, without_source) == 0]
    assert len(duplicates) + len(without_source) == codes.count(DUPLICATE)


def test_malformed_values_are_of_every_kind_and_none_is_json() -> None:
    values = pl.Series("value", [json.dumps({"user_id": f"u{n}", "n": n}) for n in range(500)])
    values = values.str.replace_all(": ", ":", literal=True)
    keys = pl.Series("key", [f"u{n}" for n in range(500)])
    broken, kinds = malform(values, keys, rng())
    assert set(kinds) == set(MALFORMED_KINDS)
    for value in broken:
        with pytest.raises(ValueError, match=r".*"):
            json.loads(value)


def test_invalid_utf8_is_in_a_field_that_is_read() -> None:
    values = pl.Series("value", ['{"user_id":"anna","page_id":"x"}'] * 50)
    broken, kinds = malform(values, pl.Series(["anna"] * 50), rng())
    wrong = broken.filter(kinds == "invalid_utf8").to_list()
    assert set(wrong) == {b'{"user_id":"\xff\xfeanna","page_id":"x"}'}
