from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

import polars as pl
import pytest

from generator import GeneratorSettings, plan
from generator.blocks import BLOCK
from tidemark.errors import TidemarkError

START = datetime(2026, 11, 20, tzinfo=UTC)
START_US = int(START.timestamp()) * 1_000_000
ALL_FAULTS = {
    "out_of_order_share": 0.1,
    "late_share": 0.01,
    "duplicate_share": 0.02,
    "malformed_share": 0.02,
    "missing_field_share": 0.02,
    "future_share": 0.01,
}


def settings(**changed: Any) -> GeneratorSettings:
    values = {"rate": None, "event_rate": 1_000.0, "count": 40_000, "start_time": START}
    return GeneratorSettings.model_validate(values | changed)


def records(partitions: int = 3, **changed: Any) -> pl.DataFrame:
    return pl.concat(plan(settings(**changed), partitions))


@pytest.fixture(scope="module")
def faulty() -> pl.DataFrame:
    """Records with every fault, with their number."""
    return records(faults=ALL_FAULTS).with_row_index("number")


@pytest.mark.parametrize("batch_size", [1_000, BLOCK, 17_001, 100_000])
def test_same_seed_gives_the_same_bytes_for_any_batch_size(
    faulty: pl.DataFrame, batch_size: int
) -> None:
    again = records(faults=ALL_FAULTS, batch_size=batch_size)
    assert again.equals(faulty.drop("number"))


def test_another_seed_gives_other_records(faulty: pl.DataFrame) -> None:
    other = records(faults=ALL_FAULTS, seed=43)
    assert (other["value"] == faulty["value"]).sum() < 1_000


def test_fewer_records_are_a_prefix(faulty: pl.DataFrame) -> None:
    assert records(faults=ALL_FAULTS, count=17_000).equals(faulty.drop("number").head(17_000))


def test_batches_have_the_size_asked_for() -> None:
    assert [len(f) for f in plan(settings(batch_size=15_000), 3)] == [15_000, 15_000, 10_000]


def test_without_an_end_it_goes_on() -> None:
    endless = plan(settings(count=None, batch_size=BLOCK), 3)
    assert sum(len(f) for f in itertools.islice(endless, 5)) == 5 * BLOCK


def test_a_duration_at_a_rate_is_a_number_of_records() -> None:
    given: dict[str, Any] = {"count": None, "rate": 500.0, "event_rate": None, "duration_s": 7.0}
    assert len(records(**given)) == 3_500
    assert len(records(**given, speed=20.0)) == 3_500


def test_speed_stretches_event_time() -> None:
    frame = records(count=1_001, rate=500.0, event_rate=None, speed=20.0)
    assert frame["offset_us"][-1] == 40_000_000


def test_start_may_come_from_the_caller() -> None:
    frame = next(plan(settings(start_time=None), 3, datetime(2020, 1, 1, tzinfo=UTC)))
    assert frame["timestamp"][0] == "2020-01-01T00:00:00.000000Z"


def test_no_start_time_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="start time"):
        plan(settings(start_time=None), 3)


def test_columns_say_what_the_bytes_hold(faulty: pl.DataFrame) -> None:
    fields = ["user_id", "item_id", "interaction_type", "timestamp"]
    for row in faulty.filter(pl.col("fault") != "malformed").head(5_000).iter_rows(named=True):
        read = json.loads(row["value"])
        assert {field: read.get(field) for field in fields} == {f: row[f] for f in fields}
        assert {"page_id", "session_id", "event_id"} <= read.keys()


def test_event_time_is_that_of_the_timestamp(faulty: pl.DataFrame) -> None:
    read = faulty.select(
        pl.col("timestamp").str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us").to_physical()
    ).to_series()
    assert read.equals(faulty["event_time_us"], check_names=False, null_equal=True)


def test_partition_is_the_hash_of_the_key_and_the_key_is_the_user(faulty: pl.DataFrame) -> None:
    assert faulty["partition"].to_list() == [crc32(key) % 3 for key in faulty["key"]]
    sound = faulty.filter(pl.col("user_id").is_not_null())
    assert (sound["key"] == sound["user_id"].cast(pl.Binary)).all()


def test_sequence_counts_the_records_of_each_partition(faulty: pl.DataFrame) -> None:
    for _, part in faulty.group_by("partition"):
        assert part["sequence"].to_list() == list(range(len(part)))


def test_shares_come_out_within_tolerance(faulty: pl.DataFrame) -> None:
    shares = dict(faulty["fault"].value_counts(normalize=True).iter_rows())
    for name, share in ALL_FAULTS.items():
        assert shares[name.removesuffix("_share")] == pytest.approx(share, rel=0.15)


def test_sound_records_keep_their_place_in_event_time(faulty: pl.DataFrame) -> None:
    sound = faulty.filter(fault="none")
    assert (sound["event_time_us"] == START_US + sound["offset_us"]).all()
    assert faulty["offset_us"].is_sorted()


@pytest.mark.parametrize(
    ("fault", "low_s", "high_s"),
    [("out_of_order", -4.0, 0.0), ("late", -60.0, -60.0), ("future", 3.1536e8, 3.1536e8)],
)
def test_faults_of_time_are_off_by_what_is_set(
    faulty: pl.DataFrame, fault: str, low_s: float, high_s: float
) -> None:
    off = faulty.filter(fault=fault).select(
        (pl.col("event_time_us") - START_US - pl.col("offset_us")) / 1e6
    )
    assert off.to_series().is_between(low_s, high_s).all()


def test_duplicates_repeat_bytes_in_the_same_partition(faulty: pl.DataFrame) -> None:
    originals = faulty.filter(pl.col("fault").is_in(["none", "out_of_order"]))
    pairs = faulty.filter(fault="duplicate").join(originals, on=["partition", "key", "value"])
    assert len(pairs) == (faulty["fault"] == "duplicate").sum() > 0
    back = pairs.select(pl.col("number").cast(pl.Int64) - pl.col("number_right")).to_series()
    assert back.is_between(1, 2_000).all()


def test_only_duplicates_repeat_an_event_id(faulty: pl.DataFrame) -> None:
    ids = faulty.filter(~pl.col("fault").is_in(["duplicate", "malformed"])).select(
        pl.col("value").cast(pl.String).str.extract('"event_id":"([^"]*)"')
    )
    assert ids.to_series().is_unique().all()


def test_malformed_records_have_no_fields_but_say_how_they_are_broken(
    faulty: pl.DataFrame,
) -> None:
    broken = faulty.filter(fault="malformed")
    assert set(broken["fault_detail"]) == {"truncated", "invalid_utf8", "not_json", "empty"}
    fields = ["event_time_us", "user_id", "item_id", "interaction_type", "timestamp"]
    assert broken.select(fields).null_count().row(0) == (len(broken),) * 5
    assert broken["key"].null_count() == 0


def test_each_required_field_is_missing_sometimes(faulty: pl.DataFrame) -> None:
    lacking = faulty.filter(fault="missing_field")
    assert set(lacking["fault_detail"]) == {"user_id", "item_id", "interaction_type", "timestamp"}
    for field, part in lacking.group_by("fault_detail"):
        assert part[str(field[0])].null_count() == len(part)
        assert not any(field[0] in json.loads(value) for value in part["value"])


def test_types_follow_their_weights() -> None:
    types = records(population={"types": {"checkout.start": 3.0, 'say "hi"$': 1.0}})
    shares = dict(types["interaction_type"].value_counts(normalize=True).iter_rows())
    assert shares == pytest.approx({"checkout.start": 0.75, 'say "hi"$': 0.25}, abs=0.02)


def test_a_hot_item_gets_its_share() -> None:
    frame = records(population={"hot_item_share": 0.5, "item_skew": 0.0})
    assert frame["item_id"].value_counts(normalize=True)["proportion"].max() == pytest.approx(
        0.5, abs=0.02
    )


def test_a_users_session_changes_with_time() -> None:
    frame = records(population={"users": 1, "session_s": 10.0}, count=30_000)
    session = frame["value"].cast(pl.String).str.extract('"session_id":"([^"]*)"')
    assert session.rle().struct.field("len").max() == 10_000
    assert session.n_unique() in (3, 4)


def test_a_silent_partition_gets_nothing_for_a_while() -> None:
    silence = {"partition": 1, "after_s": 10.0, "for_s": 20.0}
    frame = records(scenarios={"silence": silence}, faults={"duplicate_share": 0.1})
    during = pl.col("offset_us").is_between(10_000_000, 30_000_000, closed="left")
    assert 1 not in frame.filter(during)["partition"]
    assert (frame.filter(~during)["partition"] == 1).mean() == pytest.approx(1 / 3, abs=0.05)
    assert len(frame) == 40_000


def test_a_partition_may_lag_behind() -> None:
    frame = records(scenarios={"partition_lag": {"partition": 2, "by_s": 30.0}})
    behind = START_US + frame["offset_us"] - frame["event_time_us"]
    assert set(behind.filter(frame["partition"] == 2)) == {30_000_000}
    assert set(behind.filter(frame["partition"] != 2)) == {0}


def test_a_burst_packs_more_records_into_the_same_event_time() -> None:
    burst = {"factor": 5.0, "after_s": 2.0, "for_s": 3.0}
    seconds = records(scenarios={"burst": burst})["offset_us"] // 1_000_000
    assert seconds.value_counts(sort=True).sort("offset_us")["count"].head(7).to_list() == [
        *(1_000, 1_000),
        *(5_000, 5_000, 5_000),
        *(1_000, 1_000),
    ]


@pytest.mark.parametrize(
    "scenarios", [{"silence": {"partition": 3}}, {"partition_lag": {"partition": 3, "by_s": 1.0}}]
)
def test_a_scenario_of_a_partition_that_is_not_there_is_refused(scenarios: Any) -> None:
    with pytest.raises(TidemarkError, match=r"partition 3, but the topic has 3 \(0 to 2\)"):
        plan(settings(scenarios=scenarios), 3)


def test_silence_of_the_only_partition_is_refused() -> None:
    with pytest.raises(TidemarkError, match="no user is left"):
        plan(settings(scenarios={"silence": {"partition": 0}}), 1)
