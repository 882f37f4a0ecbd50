"""Summaries of activity, sales and inventory: parts add up to the whole."""

from __future__ import annotations

from collections import Counter
from typing import TypeVar

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stats import activity, inventory, sales
from stats.activity import ActivitySummary
from stats.inventory import IDENTITY, STATUS, InventorySummary, Levels
from stats.sales import SalesSummary, Sold
from stats.tables import COUNT, EVENT_TIME_US, KAFKA_OFFSET, KAFKA_PARTITION, CountTable

S = TypeVar("S", ActivitySummary, SalesSummary, InventorySummary)

NAMES = st.sampled_from(["a", "b.c", "$d", "é", "unknown"])
IDS = st.integers(0, 12).map(lambda number: f"id{number}")
ACTIVITIES = st.lists(
    st.tuples(
        IDS, st.sampled_from(["purchase", "view", "a.b"]), IDS | st.just(""), st.integers(-9, 10**9)
    ),
    max_size=25,
)
SALES = st.lists(
    st.tuples(IDS, NAMES, NAMES, NAMES, st.integers(-2, 9), st.integers(-5, 10**6)), max_size=25
)
STOCK = st.dictionaries(
    st.tuples(IDS, NAMES), st.tuples(NAMES, st.integers(-3, 9), st.integers(-1, 5)), max_size=25
)


def counted(table: CountTable, events: list[dict[str, object]]) -> pl.DataFrame:
    """Return the table of some events, by polars alone."""
    schema = {**dict.fromkeys(table.keys, pl.String), **dict.fromkeys(table.sums, pl.Int64)}
    frame = pl.DataFrame([[e[c] for c in schema] for e in events], schema=schema, orient="row")
    sums = (pl.col(name).sum() for name in table.sums)
    return frame.group_by(table.keys).agg(pl.len().cast(pl.Int64).alias(COUNT), *sums)


def parts_of(table: CountTable, events: list[dict[str, object]]) -> list[pl.DataFrame]:
    """Return the table of three key groups: by the first key."""
    key = table.keys[0]
    groups: list[list[dict[str, object]]] = [[], [], []]
    for event in events:
        groups[sum(map(ord, str(event[key]))) % 3].append(event)
    return [counted(table, group) for group in groups]


def merged(parts: list[S]) -> S:
    """Add three parts up; in two ways, which must agree, after a journey through a store."""
    one, two, three = (
        msgspec.msgpack.decode(msgspec.msgpack.encode(part), type=type(part)) for part in parts
    )
    whole = one.merge(two).merge(three)
    assert whole == three.merge(one.merge(two)) == two.merge(three).merge(one)
    return whole


@settings(max_examples=100, deadline=None)
@given(ACTIVITIES)
def test_activity(rows: list[tuple[str, str, str, int]]) -> None:
    names = ("user_id", "activity_type", "session_id", "amount")
    events: list[dict[str, object]] = [dict(zip(names, row, strict=True)) for row in rows]
    users, sessions = (parts_of(t, events) for t in (activity.USER_TYPES, activity.SESSIONS))
    whole = merged(
        [
            activity.summarize({"user_types": u, "sessions": s})
            for u, s in zip(users, sessions, strict=True)
        ]
    )
    assert whole == ActivitySummary(
        by_type=dict(Counter(row[1] for row in rows)),
        users=len({row[0] for row in rows}),
        sessions=len({row[2] for row in rows} - {""}),
        purchase_cents=sum(row[3] for row in rows if row[1] == "purchase"),
    )
    assert whole.events == len(rows)


@settings(max_examples=100, deadline=None)
@given(SALES, st.integers(1, 4))
def test_sales(rows: list[tuple[str, str, str, str, int, int]], top_k: int) -> None:
    names = ("product_id", "category", "payment_method", "store_id", "quantity", "total_amount")
    events: list[dict[str, object]] = [dict(zip(names, row, strict=True)) for row in rows]
    tables = (sales.PRODUCTS, sales.CATEGORIES, sales.PAYMENT_METHODS, sales.STORES)
    by_group = zip(*(parts_of(table, events) for table in tables), strict=True)
    whole = merged(
        [
            sales.summarize({t.name: p for t, p in zip(tables, parts, strict=True)}, top_k)
            for parts in by_group
        ]
    )

    def by(column: int) -> dict[str, Sold]:
        sums: dict[str, Sold] = {}
        for row in rows:
            before = sums.get(str(row[column]), Sold(0, 0, 0))
            sums[str(row[column])] = before.plus(Sold(1, row[4], row[5]))
        return sums

    assert whole.total == Sold(len(rows), sum(r[4] for r in rows), sum(r[5] for r in rows))
    assert (whole.by_category, whole.by_payment_method, whole.by_store) == (by(1), by(2), by(3))
    ranked = sorted(by(0).items(), key=lambda entry: (-entry[1].cents, entry[0]))
    assert whole.top_products == ranked[:top_k]
    assert whole.events == len(rows)


@settings(max_examples=100, deadline=None)
@given(STOCK)
def test_inventory(levels: dict[tuple[str, str], tuple[str, int, int]]) -> None:
    rows = [(*place, 0, 0, 0, *level) for place, level in levels.items()]
    schema = inventory.LEVELS.merge([]).schema
    parts: list[list[tuple[str | int, ...]]] = [[], [], []]
    for row in rows:
        parts[sum(map(ord, row[0])) % 3].append(row)
    frames = [pl.DataFrame(part, schema=schema, orient="row") for part in parts]
    whole = merged(
        [
            inventory.summarize({"levels": f, "updates": counted(inventory.UPDATES, f.to_dicts())})
            for f in frames
        ]
    )

    def told(chosen: list[tuple[str, int, int]]) -> Levels:
        low = sum(0 < stock <= reorder for _, stock, reorder in chosen)
        return Levels(len(chosen), low, sum(stock <= 0 for _, stock, _ in chosen))

    every = list(levels.values())
    assert whole.total == told(every)
    assert whole.by_category == {
        name: told([level for level in every if level[0] == name]) for name, _, _ in every
    }
    assert whole.by_warehouse == {
        name: told([level for (_, place), level in levels.items() if place == name])
        for _, name in levels
    }
    assert whole.events == len(rows)


def places(*rows: tuple[str, str, int, int]) -> pl.DataFrame:
    schema = ("product_id", "warehouse_id", "current_stock", "reorder_level")
    return pl.DataFrame(rows, schema=schema, orient="row")


@pytest.mark.parametrize(
    ("stock", "reorder", "status"),
    [
        *[(11, 10, "ok"), (10, 10, "low"), (1, 10, "low"), (0, 10, "out"), (-2, 10, "out")],
        *[(0, 0, "out"), (1, 0, "ok"), (-2, -5, "out")],
    ],
)
def test_a_status_follows_from_stock_and_reorder_level(
    stock: int, reorder: int, status: str
) -> None:
    assert places(("p", "w", stock, reorder)).select(STATUS).item() == status


def test_a_place_is_named_by_product_and_warehouse() -> None:
    named = [("p", "w"), ("a/b", "50% off"), ("", ""), ("$x.y/%2F", "unknown"), ("p", "a/b")]
    found = places(*((*place, 0, 0) for place in named)).select(IDENTITY).to_series().to_list()
    assert found == ["p/w", "a/b/50% off", "/", "$x.y/%2F/unknown", "p/a%2Fb"]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(*[st.text("a/%2F5", max_size=6)] * 2), unique=True, min_size=2))
def test_no_two_places_have_one_name(pairs: list[tuple[str, str]]) -> None:
    found = places(*((*pair, 0, 0) for pair in pairs)).select(IDENTITY).to_series()
    assert found.n_unique() == len(pairs)


def test_levels_are_told_apart_by_time_offset_and_partition() -> None:
    assert inventory.LEVELS.columns[2:5] == (EVENT_TIME_US, KAFKA_OFFSET, KAFKA_PARTITION)
