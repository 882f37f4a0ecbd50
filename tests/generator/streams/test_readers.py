"""The truth of each stream is what the engine's own decoder sees."""

from __future__ import annotations

import polars as pl
import pytest

from dataflows.streaming.decode import Decoder
from dataflows.streaming.rejects import Limits
from dataflows.streaming.schema import Event, Id, Name, Optional, Timestamp
from tests.generator.streams.drawing import ALL_FAULTS, START_US, records


class Login(Event, kw_only=True):
    user_id: Optional = "unknown"
    app_version: Optional = "unknown"
    device_type: Optional = "unknown"
    ip: Optional = "unknown"
    locale: Optional = "unknown"
    device_id: Optional = "unknown"
    timestamp: Timestamp


class Activity(Event, kw_only=True):
    user_id: Id
    activity_type: Name
    session_id: Optional = "unknown"
    ip_address: Optional = "unknown"
    user_agent: Optional = "unknown"
    product_id: Optional = "unknown"
    timestamp: Timestamp


class Sale(Event, kw_only=True):
    transaction_id: Id
    user_id: Optional = "unknown"
    product_id: Id
    quantity: Id
    payment_method: Optional = "unknown"
    store_id: Optional = "unknown"
    category: Optional = "unknown"
    timestamp: Timestamp


class Update(Event, kw_only=True):
    product_id: Id
    current_stock: Id
    reorder_level: Id
    warehouse_id: Optional = "unknown"
    category: Optional = "unknown"
    status: Optional = "unknown"
    last_updated: Timestamp


SCHEMAS: dict[str, type[Event]] = {
    "logins": Login,
    "activity": Activity,
    "sales": Sale,
    "inventory": Update,
}


@pytest.mark.parametrize("stream", SCHEMAS)
@pytest.mark.parametrize("form", ["iso", "mixed"])
def test_the_decoder_reads_what_the_truth_says(stream: str, form: str) -> None:
    faults = ALL_FAULTS | {"missing_optional_share": 0.1}
    frame = records(stream, faults=faults, timestamp_format=form, count=20_000)
    now_us = START_US + 100_000_000
    decoder = Decoder(SCHEMAS[stream], Limits())
    decoded = decoder.decode(frame["value"].to_list(), now_us)
    money = "total_amount_cents" if stream == "sales" else "event_time_us"
    accepted = frame.with_row_index("position").filter(
        pl.col("position").is_in(decoded.positions.tolist())
    )
    # The decoder above does not look at amounts.
    rejected = pl.col("fault").is_in(["malformed", "future"]) | (
        (pl.col("fault") == "missing_field") & (pl.col("fault_detail") != "total_amount")
    )
    assert len(accepted) == frame.select((~rejected).sum()).item()
    assert accepted["event_time_us"].to_list() == decoded.event_time_us.tolist()
    assert accepted.filter(pl.col(money).is_not_null()).height > 0.8 * len(frame)
    for name, column in decoded.columns.items():
        truth = accepted[name].cast(pl.String).fill_null("unknown")
        assert truth.to_list() == column.to_pylist(), name
