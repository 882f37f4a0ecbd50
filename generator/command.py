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
from generator.planning import plan, record_limit
from generator.progress import ProgressDisplay
from generator.run import Target, send
from generator.settings import GeneratorSettings
from generator.stdout import LinesTarget
from generator.streams import STREAMS
from generator.truth import TruthWriter
from tidemark.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK

if TYPE_CHECKING:
    from tidemark.config import Settings


def topic_of(settings: Settings, generator: GeneratorSettings) -> str:
    """Return the topic to send to: the generator's own, or that of the stream's pipeline."""
    if generator.topic is not None:
        return generator.topic
    pipeline = getattr(settings.pipelines, generator.stream, None)
    topic: str = STREAMS[generator.stream].topic if pipeline is None else pipeline.topic
    return topic


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
    topic = topic_of(settings, generator)
    target: Target
    if to_stdout:
        target, partitions = LinesTarget(sys.stdout.buffer), settings.topics.partitions
    else:
        target = KafkaTarget(settings.kafka.client_properties(), topic)
        partitions = target.partitions(settings.kafka.start_timeout_s)
    frames = plan(generator, partitions, datetime.now(UTC))
    with ExitStack() as stack:
        writer = stack.enter_context(TruthWriter(truth, topic)) if truth is not None else None
        stop = stack.enter_context(_stop_on_signals())
        display = stack.enter_context(ProgressDisplay(record_limit(generator)))
        try:
            delivery = send(frames, target, generator, truth=writer, stop=stop, progress=display)
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
