"""What `tidemark dlq` and `tidemark late` share: which topics, what is in them, a progress bar."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from tidemark.config import Settings


def source_topics(settings: Settings, topic: str | None, suffix: str) -> list[str]:
    """Return the source topics that are meant: the one named, or those of the pipelines to run.

    One of a pipeline that rests where its topic is missing is left out where it has no letters'
    topic, unless none has.
    """
    from tidemark.kafka_ranges import TopicReader

    if topic is not None:
        return [topic.removesuffix(suffix)]
    needed: dict[str, bool] = {}
    for name, _, required in settings.pipelines.wanted():
        source = settings.pipelines.topic_of(name)
        needed[source] = required or needed.get(source, False)
    with TopicReader(settings) as reader:
        there = reader.topics()
    found = [source for source, required in needed.items() if required or source + suffix in there]
    return found or list(needed)


def print_overviews(
    config: Path | None,
    topic: str | None,
    suffix: str,
    group_by: tuple[str, ...],
    samples: int,
    *,
    as_json: bool,
) -> None:
    """Read the topics of letters to their ends and print what is in them."""
    from tidemark.config import load_settings
    from tidemark.deadletters import Overview, letter_of
    from tidemark.kafka_ranges import TopicReader

    settings = load_settings(config)
    overviews = []
    with TopicReader(settings) as reader, progress_bar() as progress:
        for name in source_topics(settings, topic, suffix):
            overview = Overview(name + suffix, group_by, samples)
            ranges = reader.ranges(name + suffix)
            total, done = sum(each.end - each.first for each in ranges), 0
            for _, messages in reader.read(name + suffix, ranges):
                overview.add(map(letter_of, messages))
                done += len(messages)
                progress("reading", done, total)
            overviews.append(overview)
    if as_json:
        typer.echo(json.dumps([overview.as_json() for overview in overviews], indent=2))
    else:
        for overview in overviews:
            typer.echo("\n".join(overview.as_text()))


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Yield what shows progress on stderr if that is a terminal: what, done, total."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with bar:
        task = bar.add_task("", total=None)
        yield lambda what, done, total: bar.update(
            task, description=what, completed=done, total=total
        )
