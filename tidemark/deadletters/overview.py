"""What lies in a topic of dead letters: counts, first and last, samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tidemark.deadletters.letters import Letter, shown
from tidemark.deadletters.offsets import RecordSet
from tidemark.messages import printable
from tidemark.moments import iso_ms

UNKNOWN = "(unknown)"
"""Group of the letters whose headers do not say: something else has written to the topic."""


@dataclass(slots=True)
class Overview:
    """Counts of one topic. Copies of a letter are counted once, and told apart by `copies`.

    A late record counts in each group that it was late for.
    """

    topic: str
    group_by: tuple[str, ...]
    """Attributes of a letter to count by, such as `reason`."""
    samples_wanted: int = 3
    """For each value of the first attribute."""
    letters: int = 0
    copies: int = 0
    oldest_ms: int | None = None
    newest_ms: int | None = None
    groups: dict[str, Counter[str]] = field(default_factory=dict)
    partitions: Counter[int] = field(default_factory=Counter)
    samples: list[tuple[str, Letter]] = field(default_factory=list)
    _seen: RecordSet = field(default_factory=RecordSet)
    _sampled: Counter[str] = field(default_factory=Counter)

    def add(self, letters: Iterable[Letter]) -> None:
        """Take letters in."""
        for letter in letters:
            if letter.source is not None and not self._seen.add(letter.source):
                self.copies += 1
                continue
            self._count(letter)

    def _count(self, letter: Letter) -> None:
        self.letters += 1
        at_ms = letter.timestamp_ms
        if at_ms is not None:
            self.oldest_ms = at_ms if self.oldest_ms is None else min(at_ms, self.oldest_ms)
            self.newest_ms = at_ms if self.newest_ms is None else max(at_ms, self.newest_ms)
        for name in self.group_by:
            values = {UNKNOWN if value is None else value for value in letter.values(name)}
            self.groups.setdefault(name, Counter()).update(values)
        if letter.source is not None:
            self.partitions[letter.source[0]] += 1
        first = getattr(letter, self.group_by[0]) or UNKNOWN
        if self._sampled[first] < self.samples_wanted:
            self._sampled[first] += 1
            self.samples.append((first, letter))

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "topic": self.topic,
            "records": self.letters,
            "copies": self.copies,
            "oldest": iso_ms(self.oldest_ms),
            "newest": iso_ms(self.newest_ms),
            **{
                f"by_{name}": dict(self.groups.get(name, Counter()).most_common())
                for name in self.group_by
            },
            "by_partition": {str(n): count for n, count in sorted(self.partitions.items())},
            "samples": [_sample(letter) for _, letter in self.samples],
        }

    def as_text(self, most: int = 20) -> list[str]:
        """Return lines for people; of each grouping the `most` frequent values."""
        head = f"{self.topic}: {self.letters:,} record{'' if self.letters == 1 else 's'}"
        if self.copies:
            copies = "a copy" if self.copies == 1 else f"{self.copies:,} copies"
            head += f" and {copies} of {'it' if self.letters == 1 else 'them'}"
        if not self.letters:
            return [head]
        lines = [head]
        if self.oldest_ms is not None:
            lines.append(f"  from {iso_ms(self.oldest_ms)} to {iso_ms(self.newest_ms)}")
        for name in self.group_by:
            values = self.groups[name].most_common()
            lines.append(f"  by {name.replace('_', ' ')}")
            lines += [f"    {count:>9,}  {printable(value)}" for value, count in values[:most]]
            if len(values) > most:
                rest = sum(count for _, count in values[most:])
                lines.append(f"    {rest:>9,}  in {len(values) - most:,} more")
        lines.append("  by source partition")
        lines += [f"    {count:>9,}  {number}" for number, count in sorted(self.partitions.items())]
        lines.append("  samples")
        for first, letter in sorted(self.samples, key=lambda sample: sample[0]):
            place = "?" if letter.source is None else f"{letter.source[0]}@{letter.source[1]}"
            why = f": {printable(letter.message)}" if letter.message else ""
            lines.append(f"    {place}  key {shown(letter.key)}  {printable(first)}{why}")
            lines.append(f"      {shown(letter.value)}")
        return lines


def _sample(letter: Letter) -> dict[str, Any]:
    source = letter.source or (None, None)
    content = {
        "partition": source[0],
        "offset": source[1],
        "key": shown(letter.key) if letter.key is not None else None,
        "reason": letter.reason,
        "message": letter.message,
        "pipeline": letter.pipeline,
        "window_start": letter.window_start,
        "watermark": letter.watermark,
        "value": shown(letter.value) if letter.value is not None else None,
    }
    optional = ("reason", "message", "pipeline", "window_start", "watermark")
    return {
        name: value for name, value in content.items() if value is not None or name not in optional
    }
