"""What `python -m generator` and `tidemark generate` do once their flags are read."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from generator.delivery import Delivery
from generator.kafka import KafkaTarget
from generator.mixing import MixedTarget, MixedTruth
from generator.planning import plan, record_limit
from generator.progress import ProgressDisplay
from generator.run import Target, Truth, send
from generator.settings import ALL, GeneratorSettings
from generator.stdout import LinesTarget
from generator.truth import TruthWriter
from tidemark.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK

if TYPE_CHECKING:
    from tidemark.config import Settings


def topics_of(settings: Settings, generator: GeneratorSettings) -> dict[str, str]:
    """Return the topic of each stream to send: the generator's own, or that of its pipeline."""
    names = [generator.stream] if generator.stream != ALL else list(generator.mix_shares)
    return {name: generator.topic or settings.pipelines.topic_of(name) for name in names}


def generate(
    settings: Settings,
    generator: GeneratorSettings,
    *,
    truth: Path | None = None,
    to_stdout: bool = False,
) -> int:
    """Run the generator until it is done or interrupted; returns the exit code.

    The last line, on stdout (with `to_stdout` on stderr), tells the outcome. 0: every record is
    acknowledged, 1: not every one, 130: interrupted. Raises TidemarkError if the run cannot start.
    """
    topics = topics_of(settings, generator)
    target: Target
    partitions = dict.fromkeys(topics, settings.topics.partitions)
    if to_stdout:
        target = LinesTarget(sys.stdout.buffer)
    else:
        properties, patience_s = settings.kafka.client_properties(), settings.kafka.start_timeout_s
        targets = {name: KafkaTarget(properties, topic) for name, topic in topics.items()}
        partitions = {name: each.partitions(patience_s) for name, each in targets.items()}
        target = MixedTarget(targets) if generator.stream == ALL else targets[generator.stream]
    now = datetime.now(UTC)
    start = None if generator.start_time else now
    frames = plan(generator, partitions, now)
    with ExitStack() as stack:
        writer: Truth | None = None
        if truth is not None and generator.stream == ALL:
            writer = stack.enter_context(MixedTruth(truth, topics))
        elif truth is not None:
            writer = stack.enter_context(TruthWriter(truth, topics[generator.stream]))
        stop = stack.enter_context(_stop_on_signals())
        display = stack.enter_context(ProgressDisplay(record_limit(generator)))
        try:
            delivery = send(
                frames, target, generator, truth=writer, stop=stop, progress=display, start=start
            )
        except BrokenPipeError:
            # Whoever read the lines has seen enough (`| head`); nobody is left to tell.
            sys.stdout = None
            return EXIT_OK
    output = sys.stderr if to_stdout else sys.stdout
    for line in [*delivery.details(), delivery.summary()]:
        print(line, file=output)
    return _exit_code(delivery)


def _exit_code(delivery: Delivery) -> int:
    if delivery.interrupted:
        return EXIT_INTERRUPTED
    return EXIT_OK if delivery.complete else EXIT_FAILED


@contextmanager
def _stop_on_signals() -> Iterator[threading.Event]:
    """Give an event that Ctrl-C or SIGTERM sets; a second Ctrl-C raises KeyboardInterrupt."""
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {
        number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
