"""Tidemark's generator of test data: columns of events, faults, ground truth, producer.

    target = KafkaTarget(settings.kafka.client_properties(), "user_interactions")
    frames = plan(settings.generator, target.partitions(timeout_s=30.0), datetime.now(UTC))
    delivery = send(frames, target, settings.generator)

`plan` is pure; `send` is the part with a clock and a broker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from generator.delivery import Delivery
    from generator.kafka import KafkaTarget
    from generator.planning import plan
    from generator.run import send
    from generator.settings import GeneratorSettings
    from generator.truth import TruthWriter

__all__ = ["Delivery", "GeneratorSettings", "KafkaTarget", "TruthWriter", "plan", "send"]

_HOMES = {
    "Delivery": "delivery",
    "GeneratorSettings": "settings",
    "KafkaTarget": "kafka",
    "TruthWriter": "truth",
    "plan": "planning",
    "send": "run",
}


def __getattr__(name: str) -> Any:
    # The configuration imports generator.settings: it must not pay for polars, Kafka and Faker.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
