"""All streams at once: each is what it is alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from generator import GeneratorSettings, KafkaTarget, TruthWriter, plan, send
from generator.delivery import Delivery
from generator.mixing import MixedTarget, MixedTruth, separated
from tests.conftest import MakeTopic
from tests.generator.streams.drawing import ALL_FAULTS, START
from tests.generator.test_kafka import read_topic, truth_of
from tests.support.servers import KafkaEndpoint

MIX = {"interactions": 50, "logins": 15, "activity": 20, "sales": 10, "inventory": 5}


def settings(**changed: Any) -> GeneratorSettings:
    values = {"rate": None, "event_rate": 10_000.0, "count": 60_000, "start_time": START}
    faults = ALL_FAULTS | {"missing_optional_share": 0.05}
    return GeneratorSettings.model_validate({"stream": "all", "faults": faults} | values | changed)


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return pl.concat(plan(settings(), 3))


def test_streams_come_by_their_weights(frame: pl.DataFrame) -> None:
    shares = dict(frame["stream"].value_counts(normalize=True).iter_rows())
    assert shares == pytest.approx({name: weight / 100 for name, weight in MIX.items()}, abs=1e-3)


def test_weights_may_be_given() -> None:
    mix = {"sales": 3, "logins": 1, "activity": 0}
    shares = pl.concat(plan(settings(mix=mix), 3))["stream"].value_counts(normalize=True)
    assert dict(shares.iter_rows()) == pytest.approx({"sales": 0.75, "logins": 0.25}, abs=1e-3)


def test_they_are_interleaved_by_event_time(frame: pl.DataFrame) -> None:
    assert len(frame) == 60_000
    assert frame["offset_us"].is_sorted()
    assert frame["stream"].rle().struct.field("len").max() < 20  # type: ignore[operator]
    assert frame["offset_us"].max() == pytest.approx(6_000_000, rel=0.01)


def test_each_stream_is_what_it_is_alone(frame: pl.DataFrame) -> None:
    parts = dict(separated(frame))
    assert parts.keys() == MIX.keys()
    for name, part in parts.items():
        alone = settings(stream=name, event_rate=100.0 * MIX[name], count=len(part))
        assert part.equals(pl.concat(plan(alone, 3))), name


@pytest.mark.parametrize("batch_size", [1_000, 17_001, 100_000])
def test_the_batch_size_changes_nothing(frame: pl.DataFrame, batch_size: int) -> None:
    assert pl.concat(plan(settings(batch_size=batch_size), 3)).equals(frame)


def test_topics_may_differ_in_partitions() -> None:
    partitions = {"interactions": 1, "logins": 2, "activity": 3, "sales": 4, "inventory": 5}
    frame = pl.concat(plan(settings(), partitions))
    counts = frame.group_by("stream").agg(pl.col("partition").n_unique())
    assert dict(counts.iter_rows()) == partitions


def test_a_topic_for_all_and_a_mix_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="stream all has one for each"):
        settings(topic="mine")
    with pytest.raises(ValueError, match="weight above 0"):
        settings(mix={"sales": 0})
    with pytest.raises(ValueError, match="weather"):
        settings(mix={"weather": 1})


def test_each_topic_holds_the_truth_of_its_stream(
    kafka: KafkaEndpoint, make_topic: MakeTopic, tmp_path: Path
) -> None:
    topics = {name: make_topic(partitions=2) for name in MIX}
    targets = {n: KafkaTarget(kafka.client_properties(), t) for n, t in topics.items()}
    partitions = {name: target.partitions(30.0) for name, target in targets.items()}
    with MixedTruth(tmp_path / "truth.parquet", topics) as truth:
        given = settings()
        delivery = send(plan(given, partitions), MixedTarget(targets), given, truth=truth)
    assert (delivery.sent, delivery.acknowledged, delivery.failed) == (60_000, 60_000, 0)
    assert delivery.faults.total() == 60_000
    for name, topic in topics.items():
        held = read_topic(kafka.client_properties(), topic, 2)
        assert len(held) == pytest.approx(600 * MIX[name], rel=0.01)
        path = tmp_path / f"truth-{name}.parquet"
        assert held.equals(truth_of(path))
        assert pl.read_parquet(path, columns=["topic"])["topic"].unique().to_list() == [topic]


def test_a_truth_file_of_a_mix_is_like_that_of_the_stream_alone(
    frame: pl.DataFrame, tmp_path: Path
) -> None:
    with MixedTruth(tmp_path / "t.parquet", {name: "topic" for name in MIX}) as truth:
        truth.write(frame)
    part = dict(separated(frame))["sales"]
    alone = settings(stream="sales", event_rate=1_000.0, count=len(part))
    with TruthWriter(tmp_path / "alone.parquet", "topic") as writer:
        for batch in plan(alone, 3):
            writer.write(batch)
    mixed, single = (pl.read_parquet(tmp_path / f"{n}.parquet") for n in ("t-sales", "alone"))
    assert mixed.equals(single)
    assert mixed.schema == single.schema


class Counting:
    """Takes records; fails from the second call on."""

    def __init__(self) -> None:
        self.delivery = Delivery()
        self.failing = False
        self.waited_s = 0.0
        self.gave_up = self.finished = False

    def put(self, frame: pl.DataFrame) -> None:
        self.delivery.sent += len(frame)
        self.delivery.failed += 1
        self.delivery.errors["no"] += 1
        self.failing = True

    def wait(self, seconds: float) -> None:
        self.waited_s += seconds

    def give_up(self) -> None:
        self.gave_up = True

    def finish(self) -> None:
        self.finished = True
        self.delivery.acknowledged = self.delivery.sent - self.delivery.failed


def test_what_happens_to_one_happens_to_all(frame: pl.DataFrame) -> None:
    parts = {name: Counting() for name in MIX}
    target = MixedTarget(parts)
    target.put(frame.filter(stream="sales"))
    assert target.failing
    target.put(frame.filter(stream="logins"))
    target.wait(1.0)
    target.give_up()
    target.finish()
    sent = frame["stream"].is_in(["sales", "logins"]).sum()
    delivery = target.delivery
    assert (delivery.sent, delivery.acknowledged, delivery.failed) == (sent, sent - 2, 2)
    assert delivery.errors == {"no": 2}
    assert sum(part.waited_s for part in parts.values()) == pytest.approx(1.0)
    assert all(part.gave_up and part.finished for part in parts.values())
