from __future__ import annotations

import re
from decimal import Decimal

import polars as pl
import pytest

from generator.streams.sales import PAYMENT_METHODS, QUANTITIES
from tests.generator.streams.drawing import parsed, records
from tidemark.errors import TidemarkError


@pytest.fixture(scope="module")
def sales() -> pl.DataFrame:
    return records("sales")


def test_money_is_exact_to_the_cent(sales: pl.DataFrame) -> None:
    assert (sales["unit_price_cents"] * sales["quantity"] == sales["total_amount_cents"]).all()
    for row, record in zip(sales.iter_rows(named=True), parsed(sales), strict=True):
        assert record["unit_price"] * record["quantity"] == record["total_amount"]
        assert record["total_amount"] * 100 == row["total_amount_cents"]


def test_amounts_are_written_with_none_one_or_two_decimals(sales: pl.DataFrame) -> None:
    texts = sales["value"].cast(pl.String).str.extract(r'"total_amount":([^,]*),')
    assert texts.str.contains(r"^[1-9][0-9]*(\.[0-9]{1,2})?$|^0\.[0-9]{1,2}$").all()
    decimals = texts.str.extract(r"(\..*)").str.len_chars().fill_null(1) - 1
    assert set(decimals) == {0, 1, 2}
    assert texts.str.ends_with("0").any()


def test_summing_binary_floats_would_not_do(sales: pl.DataFrame) -> None:
    # What a wrong implementation would do must differ, or no check can tell.
    inexact = sum(float(record["total_amount"]) for record in parsed(sales))
    assert inexact != sales["total_amount_cents"].sum() / 100


def test_each_transaction_is_one_record(sales: pl.DataFrame) -> None:
    assert sales["transaction_id"].is_unique().all()


def test_a_product_has_one_category_and_its_price_is_only_ever_reduced(
    sales: pl.DataFrame,
) -> None:
    by_product = sales.group_by("product_id").agg(
        pl.len(),
        pl.col("category").n_unique(),
        pl.col("unit_price_cents").mode().max().alias("usual"),
        pl.col("unit_price_cents").max().alias("most"),
    )
    assert (by_product["category"] == 1).all()
    frequent = by_product.filter(pl.col("len") > 50)
    assert len(frequent) > 50
    assert (frequent["usual"] == frequent["most"]).all()
    assert sales["unit_price_cents"].min() > 0  # type: ignore[operator]


def test_quantities_and_payment_methods_follow_their_weights(sales: pl.DataFrame) -> None:
    for column, weights in (("quantity", QUANTITIES), ("payment_method", PAYMENT_METHODS)):
        shares = dict(sales[column].value_counts(normalize=True).iter_rows())
        for name, weight in weights.items():
            assert shares[name] == pytest.approx(weight / 100, rel=0.1, abs=0.003)


def test_payment_methods_may_be_given() -> None:
    given = {"payment_methods": {"pay.pal$": 1.0, "cash": 3.0}}
    frame = records("sales", sales=given, population={"odd_name_share": 0.0})
    shares = dict(frame["payment_method"].value_counts(normalize=True).iter_rows())
    assert shares == pytest.approx({"pay.pal$": 0.25, "cash": 0.75}, abs=0.02)


def test_a_store_may_be_known_by_number_alone(sales: pl.DataFrame) -> None:
    pairs = {
        (row["store_id"], type(record["store_id"]))
        for row, record in zip(sales.iter_rows(named=True), parsed(sales), strict=True)
    }
    assert len(pairs) == 20
    assert {name for name, kind in pairs if kind is int} == {"10", "20"}
    assert all(re.fullmatch(r"store_\d\d", name) for name, kind in pairs if kind is str)


def test_silence_of_the_only_partition_is_refused() -> None:
    with pytest.raises(TidemarkError, match="no transaction is left"):
        records("sales", partitions=1, scenarios={"silence": {"partition": 0}})


def test_ids_stay_unique_while_a_partition_is_silent() -> None:
    frame = records("sales", scenarios={"silence": {"partition": 0, "after_s": 0.0}})
    assert frame["transaction_id"].is_unique().all()


def test_no_amount_is_a_binary_float_in_disguise(sales: pl.DataFrame) -> None:
    assert all(
        isinstance(record["unit_price"], int | Decimal) for record in parsed(sales.head(100))
    )
