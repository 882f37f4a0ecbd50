"""What holds for each stream: the contract of its topic, faults, determinism, truth."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zlib import crc32

import polars as pl
import pytest

from generator.blocks import BLOCK
from generator.streams import STREAMS
from tests.generator.streams.drawing import (
    ALL_FAULTS,
    OTHERS,
    START_US,
    parsed,
    records,
)
from tidemark.config import Settings

Check = Callable[[Any], bool]


def is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 256 and value.isprintable()


def is_id(value: Any) -> bool:
    return is_text(value) or is_whole(value)


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_count(value: Any) -> bool:
    return is_whole(value) and value > 0


def is_amount(value: Any) -> bool:
    exact = is_whole(value) or (isinstance(value, Decimal) and value * 100 == int(value * 100))
    return exact and value > 0


def is_iso(value: Any) -> bool:
    return is_text(value) and datetime.fromisoformat(value).tzinfo is not None


# The topics of the contract: name, key, then each field's check; True: every record has it.
CONTRACT: Final[dict[str, tuple[str, str, dict[str, tuple[bool, Check]]]]] = {
    "logins": (
        "user-login",
        "user_id",
        {
            "timestamp": (True, is_iso),
            "user_id": (False, is_text),
            "app_version": (False, is_text),
            "device_type": (False, is_text),
            "ip": (False, is_text),
            "locale": (False, is_text),
            "device_id": (False, is_text),
        },
    ),
    "activity": (
        "user_activity",
        "user_id",
        {
            "user_id": (True, is_text),
            "activity_type": (True, is_text),
            "timestamp": (True, is_iso),
            "session_id": (False, is_text),
            "ip_address": (False, is_text),
            "user_agent": (False, is_text),
            "product_id": (False, is_text),
            "amount": (False, is_amount),
        },
    ),
    "sales": (
        "sales",
        "transaction_id",
        {
            "transaction_id": (True, is_text),
            "user_id": (False, is_text),
            "product_id": (True, is_text),
            "quantity": (True, is_count),
            "unit_price": (False, is_amount),
            "total_amount": (True, is_amount),
            "payment_method": (False, is_text),
            "timestamp": (True, is_iso),
            "store_id": (False, is_id),
            "category": (False, is_text),
        },
    ),
    "inventory": (
        "inventory",
        "product_id",
        {
            "product_id": (True, is_text),
            "current_stock": (True, is_whole),
            "reorder_level": (True, is_count),
            "last_updated": (True, is_iso),
            "warehouse_id": (False, is_id),
            "category": (False, is_text),
            "status": (False, lambda value: value in ("in_stock", "low_stock", "out_of_stock")),
        },
    ),
}
MONEY: Final = ("amount", "unit_price", "total_amount")


def seen(field: str, value: Any, check: Check) -> Any:
    """Return what the truth should say of a value: null where it is of no use."""
    if value is None or not check(value):
        return None
    if field in MONEY:
        return int(value * 100)
    return str(value) if check in (is_text, is_id) else value


@pytest.fixture(scope="module", params=OTHERS)
def stream(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def clean(stream: str) -> pl.DataFrame:
    return records(stream, count=2 * BLOCK + 100)


@pytest.fixture(scope="module")
def faulty(stream: str) -> pl.DataFrame:
    """Records with every fault, and optional fields that are missing, with their number."""
    faults = ALL_FAULTS | {"missing_optional_share": 0.15}
    return records(stream, faults=faults).with_row_index("number")


def test_every_record_is_as_the_contract_says(stream: str, clean: pl.DataFrame) -> None:
    topic, key, fields = CONTRACT[stream]
    assert Settings().pipelines.topic_of(stream) == topic
    for row, record in zip(clean.iter_rows(named=True), parsed(clean), strict=True):
        assert record.keys() <= {*fields, "event_id"}, record
        assert {name for name, (required, _) in fields.items() if required} <= record.keys()
        for name, (_, check) in fields.items():
            assert name not in record or check(record[name]), (name, record)
        assert row["key"] == record[key].encode()


def test_what_may_be_missing_is_what_the_contract_leaves_open(stream: str) -> None:
    _, _, fields = CONTRACT[stream]
    kind = STREAMS[stream]  # type: ignore[index]
    assert set(kind.required) == {name for name, (required, _) in fields.items() if required}
    assert set(kind.optional) == {name for name, (required, _) in fields.items() if not required}


def test_truth_says_of_each_field_what_a_reader_would_see(
    stream: str, faulty: pl.DataFrame
) -> None:
    _, _, fields = CONTRACT[stream]
    readable = faulty.filter(pl.col("fault") != "malformed")
    for row, record in zip(readable.iter_rows(named=True), parsed(readable), strict=True):
        for name, (_, check) in fields.items():
            column = f"{name}_cents" if name in MONEY else name
            assert row[column] == seen(name, record.get(name), check), (name, row)


def test_truth_columns_are_typed(stream: str, clean: pl.DataFrame) -> None:
    whole = {"quantity", "current_stock", "reorder_level"} | {f"{name}_cents" for name in MONEY}
    fields = set(clean.columns) - {
        *("offset_us", "partition", "sequence", "key", "value", "fault", "fault_detail"),
        "event_time_us",
    }
    types = {name: clean.schema[name] for name in fields}
    assert types == {name: pl.Int64() if name in whole else pl.String() for name in fields}
    _, _, contract = CONTRACT[stream]
    assert fields == {f"{name}_cents" if name in MONEY else name for name in contract}


def test_optional_fields_are_missing_null_or_wrong_equally_often(
    stream: str, clean: pl.DataFrame
) -> None:
    _, _, fields = CONTRACT[stream]
    frame = records(stream, count=2 * BLOCK + 100, faults={"missing_optional_share": 0.3})
    read = parsed(frame)
    always = {name for name in STREAMS[stream].optional if clean[column(name)].null_count() == 0}  # type: ignore[index]
    assert len(always) >= 3
    for name in always:
        gone = sum(name not in record for record in read)
        null = sum(record.get(name, "") is None for record in read)
        usable = sum(fields[name][1](record.get(name)) for record in read)
        wrong = len(read) - gone - null - usable
        assert [gone, null, wrong] == pytest.approx([len(read) / 10] * 3, rel=0.1)


def column(field: str) -> str:
    return f"{field}_cents" if field in MONEY else field


@pytest.mark.parametrize("batch_size", [1_000, BLOCK, 17_001, 100_000])
def test_same_seed_gives_the_same_bytes_for_any_batch_size(
    stream: str, faulty: pl.DataFrame, batch_size: int
) -> None:
    faults = ALL_FAULTS | {"missing_optional_share": 0.15}
    again = records(stream, faults=faults, batch_size=batch_size)
    assert again.equals(faulty.drop("number"))


def test_another_seed_gives_other_records(stream: str, clean: pl.DataFrame) -> None:
    other = records(stream, count=len(clean), seed=43)
    assert (other["value"] == clean["value"]).sum() == 0
    assert (other["key"] == clean["key"]).sum() < 0.1 * len(clean)


def test_fewer_records_are_a_prefix(stream: str, clean: pl.DataFrame) -> None:
    assert records(stream, count=17_000).equals(clean.head(17_000))


def test_partition_is_the_hash_of_the_key(faulty: pl.DataFrame) -> None:
    assert faulty["partition"].to_list() == [crc32(key) % 3 for key in faulty["key"]]
    assert faulty["partition"].n_unique() == 3


def test_sequence_counts_the_records_of_each_partition(faulty: pl.DataFrame) -> None:
    for _, part in faulty.group_by("partition"):
        assert part["sequence"].to_list() == list(range(len(part)))


def test_faults_come_in_their_shares(stream: str, faulty: pl.DataFrame) -> None:
    shares = dict(faulty["fault"].value_counts(normalize=True).iter_rows())
    own = {"out_of_order": 0.02} if stream == "inventory" else {}
    for name, share in ALL_FAULTS.items():
        fault = name.removesuffix("_share")
        assert shares[fault] == pytest.approx(share + own.get(fault, 0.0), rel=0.15)


def test_each_required_field_is_missing_sometimes(stream: str, faulty: pl.DataFrame) -> None:
    lacking = faulty.filter(fault="missing_field")
    required = STREAMS[stream].required  # type: ignore[index]
    counts = dict(lacking["fault_detail"].value_counts().iter_rows())
    assert counts.keys() == set(required)
    assert min(counts.values()) > len(lacking) / len(required) * 0.8
    for field, value in lacking.select("fault_detail", "value").iter_rows():
        assert field not in json.loads(value)


def test_malformed_records_are_no_json_and_have_no_fields(
    stream: str, faulty: pl.DataFrame
) -> None:
    broken = faulty.filter(fault="malformed")
    assert set(broken["fault_detail"]) == {"truncated", "invalid_utf8", "not_json", "empty"}
    for value in broken["value"]:
        with pytest.raises(ValueError, match=r".*"):
            json.loads(value)
    _, _, fields = CONTRACT[stream]
    empty = broken.select("event_time_us", *(column(name) for name in fields)).null_count()
    assert set(empty.row(0)) == {len(broken)}


def test_duplicates_repeat_key_bytes_and_truth(faulty: pl.DataFrame) -> None:
    told = pl.exclude("number", "offset_us", "sequence", "fault", "fault_detail")
    originals = faulty.filter(pl.col("fault").is_in(["none", "out_of_order"]))
    copies = faulty.filter(fault="duplicate").select(told)
    both = copies.join(originals.select(told), on=copies.columns, how="semi", nulls_equal=True)
    assert len(both) == len(copies) > 0


def test_event_time_is_that_of_the_time_field(stream: str, faulty: pl.DataFrame) -> None:
    field = STREAMS[stream].time_field  # type: ignore[index]
    read = faulty.select(
        pl.col(field).str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us").to_physical()
    ).to_series()
    assert read.equals(faulty["event_time_us"], check_names=False, null_equal=True)
    sound = faulty.filter(fault="none")
    assert (sound["event_time_us"] == START_US + sound["offset_us"]).all()


@pytest.mark.parametrize("form", ["iso_naive", "epoch_s", "epoch_ms", "mixed"])
def test_times_may_be_written_in_other_ways(stream: str, form: str) -> None:
    frame = records(stream, timestamp_format=form, count=2_000)
    field = STREAMS[stream].time_field  # type: ignore[index]
    for row, record in zip(frame.iter_rows(named=True), parsed(frame), strict=True):
        assert str(record[field]) == row[field]
    sound = frame.filter(fault="none")
    off_us = START_US + sound["offset_us"] - sound["event_time_us"]
    assert off_us.is_between(0, 999_999).all()


def test_a_silent_partition_gets_nothing_for_a_while(stream: str) -> None:
    silence = {"partition": 1, "after_s": 10.0, "for_s": 20.0}
    frame = records(stream, scenarios={"silence": silence}, faults={"duplicate_share": 0.1})
    during = pl.col("offset_us").is_between(10_000_000, 30_000_000, closed="left")
    assert 1 not in frame.filter(during)["partition"]
    assert (frame.filter(~during)["partition"] == 1).mean() == pytest.approx(1 / 3, abs=0.15)
    assert frame["partition"].to_list() == [crc32(key) % 3 for key in frame["key"]]


def test_some_names_are_odd_and_none_need_be(stream: str, clean: pl.DataFrame) -> None:
    names = [n for n in ("product_id", "category", "activity_type") if n in clean.columns]
    plain = records(stream, population={"odd_name_share": 0.0}, count=len(clean))
    assert all(value.isascii() for value in plain["value"])
    for name in names:
        odd = clean[name].drop_nulls().str.contains(r"[.$ ]|[^\x00-\x7f]")
        assert 0.0005 < odd.sum() / len(odd) < 0.05, name
        assert not plain[name].drop_nulls().str.contains(r"[.$ ]|[^\x00-\x7f]").any()


INTERACTIONS: Final = "1ab8560f31051583eaefee6cb87d395745e82f5423e8342db5e3d9a52e0a6ad0"
"""Made before there were other streams. A new version of Faker or NumPy may change it."""


def test_the_bytes_of_interactions_are_what_they_always_were() -> None:
    faults = ALL_FAULTS | {"missing_field_share": 0.02}
    digest = hashlib.sha256()
    for row in records("interactions", faults=faults).iter_rows():
        digest.update(repr(row).encode())
    assert digest.hexdigest() == INTERACTIONS


def test_interactions_may_lack_optional_fields_too() -> None:
    frame = records("interactions", faults={"missing_optional_share": 0.5}, count=2_000)
    pages = [record.get("page_id") for record in parsed(frame)]
    assert sum(isinstance(page, str) and page != "" for page in pages) == pytest.approx(
        1_000, rel=0.1
    )
    assert frame.drop("offset_us", "fault_detail").null_count().sum_horizontal().item() == 0
