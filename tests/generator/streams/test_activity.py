from __future__ import annotations

import polars as pl
import pytest

from generator.streams.activity import TYPES
from tests.generator.streams.drawing import records

SESSIONS = {"users": 200, "session_s": 10.0}


@pytest.fixture(scope="module")
def activity() -> pl.DataFrame:
    return records("activity")


def test_types_follow_their_weights(activity: pl.DataFrame) -> None:
    shares = dict(activity["activity_type"].value_counts(normalize=True).iter_rows())
    for name, weight in TYPES.items():
        assert shares[name] == pytest.approx(weight / 100, rel=0.1)


def test_every_purchase_has_an_amount_and_a_few_others_have_one(activity: pl.DataFrame) -> None:
    bought = activity.filter(activity_type="purchase")
    assert bought["amount_cents"].null_count() == 0
    assert bought["amount_cents"].min() > 0  # type: ignore[operator]
    other = activity.filter(pl.col("activity_type").is_in(["view", "click"]))
    assert other["amount_cents"].count() / len(other) == pytest.approx(0.05, rel=0.2)
    without = activity.filter(pl.col("activity_type").is_in(["login", "logout", "search"]))
    assert without.select("product_id", "amount_cents").count().row(0) == (0, 0)


def test_views_clicks_and_purchases_name_a_product(activity: pl.DataFrame) -> None:
    about = activity.filter(pl.col("activity_type").is_in(["view", "click", "purchase"]))
    assert about["product_id"].null_count() == 0


def test_a_user_keeps_browser_and_address(activity: pl.DataFrame) -> None:
    users = activity.group_by("user_id").agg(pl.col("user_agent", "ip_address").n_unique())
    assert users.select(pl.col("user_agent", "ip_address").max()).row(0) == (1, 1)
    assert activity["user_agent"].n_unique() > 150


def test_a_session_is_of_one_user_and_no_longer_than_set() -> None:
    frame = records("activity", population=SESSIONS, activity={"session_gap_s": 5.0})
    sessions = frame.group_by("session_id").agg(
        pl.col("user_id").n_unique(),
        (pl.col("event_time_us").max() - pl.col("event_time_us").min()).alias("length_us"),
    )
    assert sessions["user_id"].max() == 1
    assert sessions["length_us"].max() <= 10_000_000  # type: ignore[operator]
    lengths = sessions["length_us"]
    assert lengths.quantile(0.9) > 2 * lengths.quantile(0.2)  # type: ignore[operator]


@pytest.mark.parametrize("gap_s", [5.0, 20.0])
def test_between_two_sessions_of_a_user_there_is_a_gap(gap_s: float) -> None:
    frame = records("activity", population=SESSIONS, activity={"session_gap_s": gap_s})
    ordered = frame.sort("user_id", "event_time_us", maintain_order=True).with_columns(
        last=pl.col("session_id").shift(1).over("user_id"),
        pause_us=pl.col("event_time_us").diff().over("user_id"),
    )
    changed = ordered.filter(pl.col("last") != pl.col("session_id"))
    assert len(changed) > 50
    assert changed["pause_us"].min() >= gap_s * 1e6  # type: ignore[operator]
    within = ordered.filter(pl.col("last") == pl.col("session_id"))
    assert within["pause_us"].quantile(0.99) < 4e6  # type: ignore[operator]


def test_without_a_gap_sessions_follow_one_another() -> None:
    frame = records("activity", population={**SESSIONS, "users": 1}, activity={"session_gap_s": 0})
    lengths = frame["session_id"].rle().struct.field("len").to_list()
    assert len(lengths) in (4, 5)
    assert set(lengths[1:-1]) == {10_000}


def test_a_user_alone_takes_part_all_the_time() -> None:
    frame = records("activity", population={**SESSIONS, "users": 1}, activity={"session_gap_s": 60})
    assert frame["user_id"].n_unique() == 1
    assert frame["session_id"].n_unique() in (1, 2)


def test_odd_types_are_of_every_kind(activity: pl.DataFrame) -> None:
    odd = set(activity["activity_type"]) - TYPES.keys()
    assert {"checkout.start", "add to cart", "$share", "näytä", 'say "hi"'} == odd
