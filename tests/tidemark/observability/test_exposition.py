"""The texts of several processes as one."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from tidemark.observability.exposition import exposition, families, merged


def one_process(count: int) -> str:
    registry = CollectorRegistry()
    Counter("tidemark_x_total", "An x.", ["topic"], registry=registry).labels('a"b').inc(count)
    Gauge("tidemark_y", "A y.", registry=registry).set(1.5)
    Histogram("tidemark_z_seconds", "A z.", registry=registry, buckets=(1.0,)).observe(0.5)
    return exposition(registry).decode()


def test_every_sample_says_whose_it_is() -> None:
    text = merged({"0": one_process(3), "1": one_process(4)}).decode()
    samples = {
        (sample.name, sample.labels["process"]): sample.value
        for family in families(text)
        for sample in family.samples
        if sample.labels.get("le") != "+Inf"
    }
    assert samples == {
        ("tidemark_x_total", "0"): 3,
        ("tidemark_x_total", "1"): 4,
        ("tidemark_y", "0"): 1.5,
        ("tidemark_y", "1"): 1.5,
        **{
            (f"tidemark_z_seconds_{part}", process): value
            for part, value in (("bucket", 1), ("count", 1), ("sum", 0.5))
            for process in "01"
        },
    }


def test_a_family_is_described_once_and_stands_in_one_place() -> None:
    lines = merged({"0": one_process(3), "1": one_process(4)}).decode().splitlines()
    assert sum(line.startswith("# TYPE tidemark_x_total ") for line in lines) == 1
    places = [n for n, line in enumerate(lines) if line.startswith("tidemark_x_total{")]
    assert places == [places[0], places[0] + 1]


def test_kinds_survive() -> None:
    kinds = {each.name: each.type for each in families(merged({"0": one_process(1)}).decode())}
    assert kinds == {
        "tidemark_x": "counter",
        "tidemark_y": "gauge",
        "tidemark_z_seconds": "histogram",
    }
