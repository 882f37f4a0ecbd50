"""The interactions dashboard on a real run: its numbers equal those of the generator's truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from generator import GeneratorSettings
from tests.end_to_end.conftest import fill
from tests.grafana.asking import Asker, Row
from tests.grafana.filling import Span
from tests.support.recompute import Truth, interactions_documents, load_truth
from tests.support.running import TIDEMARK, run
from tests.support.servers import InfluxDBEndpoint, KafkaEndpoint
from tests.support.unique import unique_name

PARTITIONS = 3
WINDOW_S = 10
EVENTS = 60_000
EVENTS_PER_S = 8.0
TYPE = "interaction_type"
MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Finished:
    """A run that has ended, and what was in the topic."""

    ask: Asker
    truth: Truth

    @property
    def counted(self) -> pl.DataFrame:
        """Return what is in the windows; `at` is the start of its window in seconds."""
        return self.truth.accepted.with_columns(at=pl.col("start_us") // MICROSECONDS)


def _last_friday_night() -> datetime:
    """Return an hour before the newest Saturday that is over by a day."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    yesterday = today - timedelta(days=1)
    saturday = yesterday - timedelta(days=(yesterday.weekday() - 5) % 7)
    return saturday - timedelta(hours=1)


@pytest.fixture(scope="module")
def finished(
    kafka: KafkaEndpoint, influx: InfluxDBEndpoint, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Finished]:
    """Yield a run over two hours of events, from a Friday into a Saturday, with every fault."""
    topic = kafka.create_topic(
        unique_name("grafana"), PARTITIONS, {"retention.ms": "-1", "retention.bytes": "-1"}
    )
    database = influx.create_database(unique_name("grafana"))
    directory = tmp_path_factory.mktemp("grafana")
    start = _last_friday_night()
    settings = GeneratorSettings(
        rate=None,
        event_rate=EVENTS_PER_S,
        count=EVENTS,
        seed=6,
        start_time=start,
        population={"users": 500, "items": 60, "item_skew": 1.0},
        faults={
            "out_of_order_share": 0.2,
            "out_of_order_s": 4.0,
            "malformed_share": 0.01,
            "late_share": 0.01,
            "future_share": 0.001,
        },
    )
    fill(kafka, topic, settings, directory / "truth.parquet")
    done = run(
        (*TIDEMARK, "run", "--until-end"),
        directory,
        {
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "TIDEMARK_PIPELINES__INTERACTIONS__TOPIC": topic,
            "TIDEMARK_PIPELINES__ONLY": "interactions",
            "TIDEMARK_DOCUMENTS__URLS": "null:",
            "INFLUX_URL": influx.url,
            "INFLUX_TOKEN": influx.token or "none:none",
            "INFLUX_BUCKET": database,
        },
    )
    assert done.code == 0, done.stderr
    truth = load_truth(directory / "truth.parquet", window_s=WINDOW_S)
    end = start + timedelta(seconds=EVENTS / EVENTS_PER_S + 60)
    yield Finished(Asker(influx, database, Span(start - timedelta(minutes=5), end)), truth)
    influx.drop_database(database)
    for suffix in ("", ".dlq", ".late"):
        kafka.delete_topic(topic + suffix)


def _counts(frame: pl.DataFrame, by: str) -> dict[object, int]:
    return dict(frame.group_by(by).len().iter_rows())


def _by(rows: list[Row], key: str, value: str = "sum") -> dict[object, object]:
    return {row[key]: row[value] for row in rows}


def test_total_interactions_so_far(finished: Finished) -> None:
    assert len(finished.counted) > 50_000
    assert finished.ask.panel("interactions", 1)[0]["sum"] == len(finished.counted)
    assert finished.ask.panel("interactions", 14)[0]["sum"] == len(finished.counted)


@pytest.mark.parametrize(("step", "seconds"), [("10s", 10), ("1m", 60), ("15m", 900)])
def test_total_over_time(finished: Finished, step: str, seconds: int) -> None:
    steps = finished.counted.with_columns(step=pl.col("at") // seconds * seconds)
    rows = finished.ask.panel("interactions", 4, resolution=step)
    assert _by(rows, "time") == _counts(steps, "step")


def test_percentage_of_each_event_type(finished: Finished) -> None:
    shown = _by(finished.ask.panel("interactions", 5), TYPE)
    total = sum(int(str(count)) for count in shown.values())
    percent = {name: 100 * int(str(count)) / total for name, count in shown.items()}
    counts = _counts(finished.counted, TYPE)
    assert percent == {
        name: pytest.approx(100 * count / len(finished.counted)) for name, count in counts.items()
    }


def test_top_event_types_with_their_counts(finished: Finished) -> None:
    rows = finished.ask.panel("interactions", 6)
    ordered = sorted(((row["top"], row[TYPE]) for row in rows), reverse=True)
    counts = _counts(finished.counted, TYPE)
    assert ordered == sorted(((count, name) for name, count in counts.items()), reverse=True)


def test_weekday_against_weekend(finished: Finished) -> None:
    days = finished.counted.with_columns(
        day_type=pl.when(pl.from_epoch("at", time_unit="s").dt.weekday() >= 6)
        .then(pl.lit("weekend"))
        .otherwise(pl.lit("weekday"))
    )
    counts = _counts(days, "day_type")
    assert set(counts) == {"weekday", "weekend"}
    assert _by(finished.ask.panel("interactions", 3), "day_type") == counts


def test_the_current_hours_count(finished: Finished) -> None:
    """The panel looks an hour back from the end of the range, whatever that is."""
    hours = finished.counted.with_columns(hour=pl.col("at") // 3600 * 3600)
    counts = _counts(hours, "hour")
    for end in (finished.ask.span.end, finished.ask.span.start + timedelta(minutes=100)):
        back = Asker(
            finished.ask.influx, finished.ask.database, Span(end - timedelta(hours=1), end)
        )
        last = back.panel("interactions", 2)[-1]
        hour = int(end.replace(minute=0, second=0, microsecond=0).timestamp())
        until = finished.counted.filter(pl.col("at").is_between(hour, int(end.timestamp())))
        assert (last["time"], last["sum"]) == (hour, len(until))
        assert len(until) <= counts[hour]


@pytest.mark.parametrize(("step", "seconds"), [("10s", 10), ("5m", 300)])
def test_purchases_over_time(finished: Finished, step: str, seconds: int) -> None:
    purchases = finished.counted.filter(pl.col(TYPE) == "purchase").with_columns(
        step=pl.col("at") // seconds * seconds
    )
    rows = finished.ask.panel("interactions", 7, resolution=step)
    assert _by(rows, "time") == _counts(purchases, "step")


@pytest.mark.parametrize("base", ["view", "click"])
def test_ratio_between_event_types(finished: Finished, base: str) -> None:
    counts = _counts(finished.counted, TYPE)
    found = finished.ask.expression("interactions", 8, "E", base=base)
    ratios = {dict(number.labels)[TYPE]: number.value for number in found}
    assert ratios == {
        name: pytest.approx(count / counts[base]) for name, count in counts.items() if name != base
    }


def test_averages_and_extremes_over_the_whole_range(finished: Finished) -> None:
    documents = interactions_documents(finished.truth.accepted, window_s=WINDOW_S).values()
    rows = finished.ask.panel("interactions", 10, resolution="1d")
    assert max(row["Maximum"] for row in rows) == max(d["max_item"]["count"] for d in documents)
    assert min(row["Minimum"] for row in rows) == min(d["min_item"]["count"] for d in documents)
    day = 86_400
    by_day: dict[int, list[dict[str, int]]] = {}
    for document in documents:
        at = int(document["timestamp"].timestamp()) // day * day
        by_day.setdefault(at, []).append(document)
    expected = {
        at: pytest.approx(sum(d["total"] for d in some) / sum(d["users"] for d in some))
        for at, some in by_day.items()
    }
    rows = finished.ask.panel("interactions", 9, resolution="1d")
    assert _by(rows, "time", "sum_sum") == expected


def test_top_items_are_those_of_the_windows_tops(finished: Finished) -> None:
    documents = interactions_documents(finished.truth.accepted, window_s=WINDOW_S).values()
    sums: dict[str, int] = {}
    for document in documents:
        for entry in document["top_items"]:
            sums[entry["item_id"]] = sums.get(entry["item_id"], 0) + entry["count"]
    largest = sorted(sums.values(), reverse=True)[:10]
    rows = finished.ask.panel("interactions", 11)
    assert sorted((row["top"] for row in rows), reverse=True) == largest
    assert all(sums[row["item_id"]] == row["top"] for row in rows)


def test_users_and_items_per_window(finished: Finished) -> None:
    documents = interactions_documents(finished.truth.accepted, window_s=WINDOW_S).values()
    expected = {
        int(document["timestamp"].timestamp()): (document["users"], document["items"])
        for document in documents
    }
    rows = finished.ask.panel("interactions", 12, resolution="10s")
    assert {row["time"]: (row["Users"], row["Items"]) for row in rows} == expected


def test_the_books_of_the_run_are_on_the_pipeline_dashboard(finished: Finished) -> None:
    ask, truth = finished.ask, finished.truth
    for panel, column in ((20, truth.rejected), (21, truth.late)):
        rows = ask.panel("pipeline", panel, resolution="1d", pipeline="interactions")
        assert sum(row["sum"] for row in rows) == len(column)
    (row,) = ask.panel("pipeline", 7, pipeline="interactions")
    assert row["count"] == 1, "one process has closed all windows"
