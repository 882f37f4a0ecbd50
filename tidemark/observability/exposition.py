"""The text that Prometheus reads: of this process, and of several as one.

In the merged text every sample says by the label `process` whose it is: the number of a worker
process, or `supervisor`. Nothing is added up: Prometheus does that (`sum without (process)`), and
what is a sum in one metric is a maximum in another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PROCESS_LABEL = "process"


def exposition(registry: CollectorRegistry) -> bytes:
    """Return the metrics of one process."""
    return generate_latest(registry)


def merged(texts: Mapping[str, str]) -> bytes:
    """Return the metrics of several processes by name; one family stands in one place."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Merged(texts))
    return generate_latest(registry)


def families(text: str) -> Iterable[Metric]:
    """Read what `exposition` or `merged` has written."""
    return text_string_to_metric_families(text)


class _Merged(Collector):
    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        found: dict[str, Metric] = {}
        for process, text in self._texts.items():
            for family in families(text):
                into = found.get(family.name)
                if into is None:
                    into = found[family.name] = Metric(
                        family.name, family.documentation, family.type
                    )
                for sample in family.samples:
                    labels = {PROCESS_LABEL: process, **sample.labels}
                    into.add_sample(sample.name, labels, sample.value)
        return found.values()
