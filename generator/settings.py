"""Settings of the generator: the `generator:` part of config.yaml.

How fast, and in which time
---------------------------
Two clocks run. The wall clock is when a record is sent, event time is what is written into it.

* `rate`        records a second of wall-clock time; null: as fast as possible.
* `interval_s`  the other way to say it: one batch of `batch_size` every `interval_s` seconds.
* `speed`       event time runs `speed` times faster than the wall clock.
* `event_rate`  records a second of event time; null: `rate / speed`, without a rate 10,000.

So `rate = event_rate * speed`: with a rate, give `speed` or `event_rate`, not both. Without a rate
`event_rate` alone spaces the events: their times do not depend on how fast the machine is, and
`speed` means nothing. Event time begins at `start_time` (null: now); `after_s` and `for_s` of a
scenario count from there in event time.

A run ends after `count` records, or `duration_s` seconds of wall-clock time, whichever is first;
with neither it goes on until it is stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

DEFAULT_EVENT_RATE = 10_000.0
MAX_PARTITION = 65_535

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Seconds = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
PositiveFloat = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
PositiveInt = Annotated[int, Field(ge=1)]
TimestampFormat = Literal["iso", "iso_naive", "epoch_s", "epoch_ms", "mixed"]
StreamName = Literal["interactions", "logins", "activity", "sales", "inventory"]
ALL: Final = "all"
MIX: Final[Mapping[StreamName, float]] = {
    "interactions": 50.0,
    "logins": 15.0,
    "activity": 20.0,
    "sales": 10.0,
    "inventory": 5.0,
}


def _as_utc(moment: datetime) -> datetime:
    """Return the moment in UTC; a naive one is taken as UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _drawable(weights: dict[str, float]) -> dict[str, float]:
    if weights and not sum(weights.values()) > 0:
        raise ValueError("needs at least one name with a weight above 0")
    if "" in weights:
        raise ValueError("holds an empty name")
    return weights


Weight = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Weights = Annotated[dict[str, Weight], AfterValidator(_drawable)]
"""Names and how often each is drawn, on any scale; empty: the stream's own."""


def _default_types() -> dict[str, float]:
    return {"view": 70.0, "click": 20.0, "like": 5.0, "share": 3.0, "purchase": 2.0}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PopulationSettings(_Part):
    """Who does what with which item, and how unevenly."""

    users: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000
    """Users; the key of a record is the user, of a sale its transaction, of stock its product."""
    items: Annotated[int, Field(ge=1, le=10_000_000)] = 2_000
    """Items; products in the streams of trade."""
    pages: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    """Pages."""
    user_skew: Annotated[float, Field(ge=0.0, le=10.0)] = 0.0
    """Zipf exponent: the n-th user is chosen with weight n ** -user_skew; 0 is even."""
    item_skew: Annotated[float, Field(ge=0.0, le=10.0)] = 1.0
    """The same for items."""
    hot_user_share: Share = 0.0
    """Share of the events that go to one user on top of the skew: a hot key."""
    hot_item_share: Share = 0.0
    """Share of the events that go to one item on top of the skew."""
    types: dict[str, Weight] = Field(default_factory=_default_types)
    """Interaction types and their weights (any scale)."""
    session_s: PositiveFloat = 900.0
    """A user's session id changes after this much event time; activity: the longest session."""
    odd_name_share: Share = 0.01
    """Share of products, and of records by category, activity type or payment method, whose names
    hold dots, dollars, spaces, quotes or letters beyond ASCII; not in interactions."""

    @model_validator(mode="after")
    def _types_can_be_drawn(self) -> Self:
        if not sum(self.types.values()) > 0:
            raise ValueError("types needs at least one type with a weight above 0")
        if "" in self.types:
            raise ValueError("types holds an empty name")
        return self


class LoginSettings(_Part):
    """What is special about stream logins."""

    device_types: Weights = Field(default_factory=dict)
    """Device types and their weights (any scale); empty: the usual ones."""
    locales: Weights = Field(default_factory=dict)
    """Locales and their weights (any scale); empty: the usual ones."""
    app_versions: Weights = Field(default_factory=dict)
    """Versions of the app and their weights (any scale); empty: the usual ones."""
    frequent_ips: Annotated[int, Field(ge=1, le=100_000)] = 20
    """Addresses that many users share."""
    frequent_ip_share: Share = 0.2
    """Share of the logins that come from one of them."""


class ActivitySettings(_Part):
    """What is special about stream activity."""

    types: Weights = Field(default_factory=dict)
    """Activity types and their weights (any scale); empty: the usual ones."""
    session_gap_s: Seconds = 900.0
    """Event time for which a user does nothing between two sessions, at least; a user who is alone
    has no gaps."""


class SalesSettings(_Part):
    """What is special about stream sales."""

    payment_methods: Weights = Field(default_factory=dict)
    """Payment methods and their weights (any scale); empty: the usual ones."""
    stores: Annotated[int, Field(ge=1, le=100_000)] = 20
    """Stores."""


class InventorySettings(_Part):
    """What is special about stream inventory."""

    warehouses: Annotated[int, Field(ge=1, le=1_000)] = 4
    """Warehouses; each keeps every product."""
    out_of_order_share: Share = 0.02
    """Updates that come out of order, on top of faults.out_of_order_share."""


class FaultSettings(_Part):
    """Shares of all records that carry a fault; a record carries at most one."""

    out_of_order_share: Share = 0.0
    """Records somewhat older than those before them."""
    out_of_order_s: Seconds = 4.0
    """Out-of-order records are up to this much older than their place in the stream."""
    late_share: Share = 0.0
    """Records far behind."""
    late_s: Seconds = 60.0
    """Late records are older by this much."""
    duplicate_share: Share = 0.0
    """Records that repeat the bytes of a sound one, in its partition."""
    duplicate_within: PositiveInt = 1_000
    """A duplicate repeats the bytes of a record at most this many records before it."""
    malformed_share: Share = 0.0
    """Values that are cut off, invalid UTF-8, not JSON, or empty, equally often."""
    missing_field_share: Share = 0.0
    """Records that lack one of the required fields, each equally often."""
    future_share: Share = 0.0
    """Records from the future."""
    future_s: PositiveFloat = 315_360_000.0
    """Future records are ahead of their place in the stream by this much. The default of ten years
    is ahead of the wall clock even when a past period is filled."""
    missing_optional_share: Share = 0.0
    """Share of each optional field, in records with any fault or none, that is left out, null or of
    a wrong type, equally often."""

    @model_validator(mode="after")
    def _shares_fit(self) -> Self:
        total = self.total_share
        if total > 1.0 + 1e-9:
            raise ValueError(f"the shares of all faults add up to {total:g}, at most 1 is possible")
        return self

    @property
    def total_share(self) -> float:
        """Share of the records that carry a fault."""
        return (
            self.out_of_order_share
            + self.late_share
            + self.duplicate_share
            + self.malformed_share
            + self.missing_field_share
            + self.future_share
        )


class BurstSettings(_Part):
    """For a while there are `factor` times as many events a second."""

    factor: PositiveFloat = 1.0
    """1: no burst."""
    after_s: Seconds = 10.0
    """Event time from the start of the run to the start of the burst."""
    for_s: Seconds = 10.0
    """Length in event time."""


class SilenceSettings(_Part):
    """For a while no user of one partition does anything; null: no silence."""

    partition: Annotated[int, Field(ge=0, le=MAX_PARTITION)] | None = None
    """Which partition; null: no silence. Others take over its share of the events."""
    after_s: Seconds = 10.0
    """Event time from the start of the run to the start of the silence."""
    for_s: Seconds = 30.0
    """Length in event time."""


class LagSettings(_Part):
    """All event times of one partition are `by_s` behind those of the others."""

    partition: Annotated[int, Field(ge=0, le=MAX_PARTITION)] = 0
    """Which partition."""
    by_s: Seconds = 0.0
    """0: no lag."""


class ScenarioSettings(_Part):
    """Situations of a whole stream, as opposed to faults of single records."""

    burst: BurstSettings = BurstSettings()
    """More events for a while."""
    silence: SilenceSettings = SilenceSettings()
    """One partition without events for a while."""
    partition_lag: LagSettings = LagSettings()
    """One partition behind the others in event time."""


class GeneratorSettings(_Part):
    """What the generator sends; the module's docstring explains rate, speed and event_rate."""

    stream: Literal[StreamName, "all"] = "interactions"
    """Which kind of events; all: every kind to its own topic, interleaved."""
    mix: dict[StreamName, Weight] = Field(default_factory=dict)
    """How often each kind comes when there are all (weights); empty: the usual mix."""
    topic: str | None = None
    """null: the topic of the pipeline of that stream."""
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    """Records of a batch."""
    interval_s: PositiveFloat | None = None
    """Seconds from batch to batch, in place of a rate."""
    rate: PositiveFloat | None = 1_000.0
    """Records a second of wall-clock time; null: as fast as possible."""
    speed: PositiveFloat = 1.0
    """Event time runs this many times faster than the wall clock."""
    event_rate: PositiveFloat | None = None
    """Records a second of event time; null: rate / speed, without a rate 10,000."""
    count: PositiveInt | None = None
    """Records to send; null: no limit."""
    duration_s: PositiveFloat | None = None
    """Seconds of wall-clock time to send for; null: no limit."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 42
    """The same seed, start time and number of partitions give the same bytes."""
    start_time: Annotated[datetime, AfterValidator(_as_utc)] | None = None
    """Event time of the first record; null: now."""
    timestamp_format: TimestampFormat = "iso"
    """How event times are written; mixed: each record in one of the four others."""
    population: PopulationSettings = PopulationSettings()
    """Who takes part."""
    faults: FaultSettings = FaultSettings()
    """What is wrong with single records."""
    scenarios: ScenarioSettings = ScenarioSettings()
    """What happens to the stream as a whole."""
    logins: LoginSettings = LoginSettings()
    """Stream logins."""
    activity: ActivitySettings = ActivitySettings()
    """Stream activity."""
    sales: SalesSettings = SalesSettings()
    """Stream sales."""
    inventory: InventorySettings = InventorySettings()
    """Stream inventory."""

    @model_validator(mode="after")
    def _mix_can_be_sent(self) -> Self:
        if self.mix and not sum(self.mix.values()) > 0:
            raise ValueError("mix needs at least one stream with a weight above 0")
        if self.stream == ALL and self.topic is not None:
            raise ValueError(
                "topic names one topic, but stream all has one for each kind of events"
            )
        return self

    @model_validator(mode="after")
    def _speeds_agree(self) -> Self:
        if self.rate is not None and self.interval_s is not None:
            raise ValueError(
                "rate and interval_s both say how fast to send: set rate to null to use interval_s"
            )
        if self.wall_rate is None and self.speed != 1.0:
            raise ValueError(
                "speed needs a rate: as fast as possible, event time is set by event_rate alone"
            )
        if self.event_rate is not None and self.speed != 1.0:
            raise ValueError(
                "rate, speed and event_rate are all set, but rate = event_rate * speed: "
                "leave out one of them"
            )
        return self

    @property
    def wall_rate(self) -> float | None:
        """Records a second of wall-clock time, or None for as fast as possible."""
        if self.interval_s is not None:
            return self.batch_size / self.interval_s
        return self.rate

    @property
    def events_per_event_second(self) -> float:
        """Records a second of event time outside a burst."""
        if self.event_rate is not None:
            return self.event_rate
        if self.wall_rate is not None:
            return self.wall_rate / self.speed
        return DEFAULT_EVENT_RATE

    @property
    def mix_shares(self) -> dict[StreamName, float]:
        """Share of each stream in all of them; those without a weight are left out."""
        weights = self.mix or MIX
        total = sum(weights.values())
        return {name: weight / total for name, weight in weights.items() if weight > 0}

    def of_mix(self, stream: StreamName) -> GeneratorSettings:
        """Return the settings of one of the streams of a mix; it has no pace of its own."""
        rate = self.events_per_event_second * self.mix_shares[stream]
        pace = {"event_rate": rate, "rate": None, "interval_s": None, "speed": 1.0}
        return self.model_copy(update={"stream": stream, **pace})
