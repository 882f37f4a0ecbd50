from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from generator import GeneratorSettings, TruthWriter, plan
from generator.truth import ROW_GROUP
from tidemark.errors import TidemarkError

SETTINGS = GeneratorSettings.model_validate(
    {
        "rate": None,
        "count": 300_000,
        "start_time": datetime(2026, 11, 20, tzinfo=UTC),
        "faults": {"malformed_share": 0.01, "missing_field_share": 0.01, "duplicate_share": 0.01},
    }
)


def test_the_file_holds_the_plan_in_order_and_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "new" / "truth.parquet"
    with TruthWriter(path, "some_topic") as truth:
        for frame in plan(SETTINGS, 3):
            truth.write(frame)
    expected = pl.concat(plan(SETTINGS, 3)).drop("offset_us")
    read = pl.read_parquet(path)
    assert read["topic"].unique().to_list() == ["some_topic"]
    assert read.drop("topic").equals(expected)
    assert pq.ParquetFile(path).metadata.num_row_groups == 3
    assert pq.ParquetFile(path).metadata.row_group(0).num_rows < 2 * ROW_GROUP


def test_columns_have_the_types_that_checks_rely_on(tmp_path: Path) -> None:
    path = tmp_path / "truth.parquet"
    with TruthWriter(path, "t") as truth:
        truth.write(next(plan(SETTINGS, 3)))
    assert dict(pl.read_parquet_schema(path)) == {
        "topic": pl.String(),
        "partition": pl.Int32(),
        "sequence": pl.Int64(),
        "key": pl.Binary(),
        "value": pl.Binary(),
        "fault": pl.String(),
        "fault_detail": pl.String(),
        "event_time_us": pl.Int64(),
        "user_id": pl.String(),
        "item_id": pl.String(),
        "interaction_type": pl.String(),
        "timestamp": pl.String(),
    }


def test_many_small_parts_are_one_file(tmp_path: Path) -> None:
    path = tmp_path / "truth.parquet"
    frame = next(plan(SETTINGS, 3)).head(2_000)
    with TruthWriter(path, "t") as truth:
        for part in frame.iter_slices(3):
            truth.write(part)
    assert pl.read_parquet(path).drop("topic").equals(frame.drop("offset_us"))


def test_the_name_appears_only_when_the_file_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "truth.parquet"
    truth = TruthWriter(path, "t")
    truth.write(next(plan(SETTINGS, 3)))
    assert not path.exists()
    truth.close()
    assert [p.name for p in tmp_path.iterdir()] == ["truth.parquet"]


def test_nothing_sent_leaves_no_file(tmp_path: Path) -> None:
    with TruthWriter(tmp_path / "truth.parquet", "t"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_impossible_path_is_one_clear_message(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TidemarkError, match=r"cannot write the truth file .*/file/t\.parquet"):
        TruthWriter(tmp_path / "file" / "t.parquet", "t")
