from __future__ import annotations

import polars as pl
import pytest

from tests.generator.streams.drawing import START_US, records

SHELF = ["product_id", "warehouse_id"]
ORDERLY = {"out_of_order_share": 0.0}


@pytest.fixture(scope="module")
def updates() -> pl.DataFrame:
    """Many updates of few shelves, in order."""
    return records("inventory", population={"items": 50, "item_skew": 0.5}, inventory=ORDERLY)


def before(column: str) -> pl.Expr:
    return pl.col(column).shift(1).over(SHELF)


def test_status_says_what_stock_and_level_say(updates: pl.DataFrame) -> None:
    stock, level = updates["current_stock"], updates["reorder_level"]
    assert (updates.filter(stock > level)["status"] == "in_stock").all()
    assert (updates.filter((stock > 0) & (stock <= level))["status"] == "low_stock").all()
    assert (updates.filter(stock <= 0)["status"] == "out_of_stock").all()
    shares = dict(updates["status"].value_counts(normalize=True).iter_rows())
    assert shares["in_stock"] > 0.6
    assert 0.02 < shares["low_stock"] < 0.35
    assert 0.01 < shares["out_of_stock"] < 0.1


def test_stock_below_zero_is_out_of_stock_of_shelves_that_take_back_orders(
    updates: pl.DataFrame,
) -> None:
    owing = updates.filter(pl.col("current_stock") < 0)
    assert len(owing) > 0
    assert (owing["status"] == "out_of_stock").all()
    shelves = owing.select(SHELF).unique()
    assert len(shelves) < 0.15 * len(updates.select(SHELF).unique())
    emptied = updates.filter(pl.col("current_stock") == 0).select(SHELF).unique()
    assert len(emptied.join(shelves, on=SHELF, how="anti")) > 0


def test_stock_falls_and_is_refilled_only_at_or_below_the_reorder_level(
    updates: pl.DataFrame,
) -> None:
    steps = updates.with_columns(last=before("current_stock")).drop_nulls("last")
    risen = steps.filter(pl.col("current_stock") > pl.col("last"))
    assert len(risen) > 500
    assert (risen["last"] <= risen["reorder_level"]).all()
    assert (steps["current_stock"] < steps["last"]).mean() > 0.7  # type: ignore[operator]


def test_some_refills_come_at_once_and_some_when_all_is_sold(updates: pl.DataFrame) -> None:
    steps = updates.with_columns(last=before("current_stock")).drop_nulls("last")
    risen = steps.filter(pl.col("current_stock") > pl.col("last"))
    points = risen.group_by(SHELF).agg(
        highest=(pl.col("last") / pl.col("reorder_level")).max(), times=pl.len()
    )
    often = points.filter(pl.col("times") > 5)
    assert (often["highest"] <= 0.0).any()
    assert (often["highest"] > 0.5).any()


def test_a_shelf_keeps_its_category_level_and_warehouse(updates: pl.DataFrame) -> None:
    shelves = updates.group_by(SHELF).agg(pl.col("reorder_level", "category").n_unique())
    assert shelves.select(pl.col("reorder_level", "category").max()).row(0) == (1, 1)
    assert updates["warehouse_id"].n_unique() == 4
    assert len(shelves) == 200


def test_some_updates_come_out_of_order_of_themselves() -> None:
    frame = records("inventory", population={"items": 10})
    delayed = frame.filter(fault="out_of_order")
    assert len(delayed) / len(frame) == pytest.approx(0.02, rel=0.15)
    assert (delayed["event_time_us"] < START_US + delayed["offset_us"]).all()
    overtaken = frame.filter(
        pl.col("event_time_us") < pl.col("event_time_us").cum_max().over(SHELF)
    )
    assert len(overtaken) > 100


def test_no_share_of_its_own_exceeds_what_faults_leave() -> None:
    frame = records("inventory", faults={"malformed_share": 1.0}, count=2_000)
    assert set(frame["fault"]) == {"malformed"}


def test_one_shelf_alone_goes_on_from_block_to_block() -> None:
    frame = records(
        "inventory", population={"items": 1}, inventory={**ORDERLY, "warehouses": 1}, count=40_000
    )
    steps = frame.with_columns(last=before("current_stock")).drop_nulls("last")
    risen = steps.filter(pl.col("current_stock") > pl.col("last"))
    assert (risen["last"] <= risen["reorder_level"]).all()
    assert frame["current_stock"].max() < 500  # type: ignore[operator]
