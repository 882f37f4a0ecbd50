"""Send rejected records back to their topic, each at most once however often it is asked for.

What was replayed is written in the source topic itself: each copy that is sent has a header
`replay.of`, the place of the record that it is a copy of, and goes to that record's partition. So
everything behind the oldest wanted record is looked through for such copies first. A consumer's
committed offset could not say this: with conditions, a replay takes some letters and leaves others.

Order: what one replay sends to a partition is in the order of its source offsets, where the letters
of that partition share a partition of the letters' topic, as the flow writes them. Letters that
were spread (somebody else wrote them, or the topic was given more partitions since) are put in
order within each chunk of 1,000. What a later replay sends is behind what an earlier one has sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tidemark.deadletters.letters import DEAD_LETTER_SUFFIX, Letter, letter_of
from tidemark.deadletters.offsets import RecordSet
from tidemark.deadletters.selection import Selection
from tidemark.deadletters.sending import REPLAY_OF, Outgoing, Sender
from tidemark.deadletters.transform import Transform, repaired
from tidemark.deadletters.turn import Turn
from tidemark.kafka_ranges import Range, TopicReader

if TYPE_CHECKING:
    from tidemark.config import Settings

_CHUNK = 1_000
_CHUNK_BYTES = 32 << 20

Check = Callable[[Sequence[bytes | None]], list[str | None]]
Progress = Callable[[str, int, int], None]
"""Told what is done, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to replay. `topic` is the source topic; `limit` counts the records that are sent."""

    topic: str
    selection: Selection = field(default_factory=Selection)
    limit: int | None = None
    transform: Transform | None = None
    include_unprovable: bool = False
    only_valid: bool = False


@dataclass(slots=True)
class Outcome:
    """What became of the letters. In a dry run `wanted` is what would be sent."""

    letters: int = 0
    wanted: int = 0
    sent: int = 0
    acknowledged: int = 0
    failures: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    """Of what is sent: why it was rejected."""
    invalid: Counter[str] = field(default_factory=Counter)
    """Of what is sent: why it would be rejected again."""

    @property
    def failed(self) -> int:
        """Records that were handed over and not acknowledged."""
        return self.sent - self.acknowledged


def replay(
    settings: Settings,
    request: Request,
    *,
    send: bool,
    check: Check | None = None,
    progress: Progress = lambda _what, _done, _total: None,
) -> Outcome:
    """Send the letters back that are meant; without `send` only say what would be sent.

    `check` tells of values why they would be rejected again. Raises NoSuchTopic, ReadFailed,
    AnotherReplay, TransformFailed; what was sent before stays sent and is known to the next replay.
    """
    with TopicReader(settings) as reader:
        letters = reader.ranges(request.topic + DEAD_LETTER_SUFFIX)
        reader.ranges(request.topic)  # refuses a topic that is not there before the turn is taken
        if not send:
            return _Replay(reader, request, letters, check, progress).run(None, lambda: None)
        with Turn(settings, request.topic + DEAD_LETTER_SUFFIX) as turn:
            sender = Sender(settings, request.topic)
            try:
                return _Replay(reader, request, letters, check, progress).run(sender, turn.check)
            finally:
                sender.close()


def _place(letter: Letter) -> tuple[int, int]:
    assert letter.source is not None
    return letter.source


class _Replay:
    def __init__(
        self,
        reader: TopicReader,
        request: Request,
        letters: Sequence[Range],
        check: Check | None,
        progress: Progress,
    ) -> None:
        self._reader = reader
        self._request = request
        self._ranges = letters
        self._check = check
        self._progress = progress
        self._outcome = Outcome()
        self._source = {each.partition: each for each in reader.ranges(request.topic)}

    def run(self, sender: Sender | None, before_each: Callable[[], None]) -> Outcome:
        """Find out what was replayed already, then send the rest."""
        replayed = self._replayed(self._oldest_wanted())
        outcome = self._outcome
        for chunk in self._chunks(replayed):
            records = self._prepare(sorted(chunk, key=_place))
            if self._request.limit is not None:
                records = records[: self._request.limit - outcome.wanted]
            outcome.wanted += len(records)
            outcome.reasons.update(reason for reason, _, _ in records)
            outcome.invalid.update(invalid for _, invalid, _ in records if invalid is not None)
            if sender is not None and records:
                before_each()
                going_on = sender.send([record for _, _, record in records])
                outcome.sent, outcome.acknowledged = sender.sent, sender.acknowledged
                outcome.failures = sender.failures
                if not going_on:
                    break
            if outcome.wanted == self._request.limit:
                break
        return outcome

    def _letters(self, what: str) -> Iterator[Letter]:
        topic = self._request.topic + DEAD_LETTER_SUFFIX
        total, done = sum(each.end - each.first for each in self._ranges), 0
        for _, messages in self._reader.read(topic, self._ranges):
            yield from map(letter_of, messages)
            done += len(messages)
            self._progress(what, done, total)

    def _oldest_wanted(self) -> dict[int, int]:
        """Return the first wanted record of each partition of the source topic."""
        oldest: dict[int, int] = {}
        for letter in self._letters("looking for letters"):
            if letter.source is not None and self._request.selection.takes(letter):
                partition, offset = letter.source
                oldest[partition] = min(offset, oldest.get(partition, offset))
        return oldest

    def _replayed(self, oldest: dict[int, int]) -> RecordSet:
        """Return the records of which the source topic has copies behind the oldest ones."""
        ranges = [
            Range(each.partition, max(each.low, oldest[each.partition] + 1), each.end, each.low)
            for each in self._source.values()
            if each.partition in oldest
        ]
        total, done = sum(max(0, each.end - each.first) for each in ranges), 0
        found = RecordSet()
        for _, messages in self._reader.read(self._request.topic, ranges):
            for message in messages:
                headers = message.headers()
                if headers is not None:
                    self._note(headers, found)
            done += len(messages)
            self._progress("looking for what was replayed", done, total)
        return found

    def _note(self, headers: object, found: RecordSet) -> None:
        assert isinstance(headers, list)
        for name, data in headers:
            if name != REPLAY_OF or not isinstance(data, bytes):
                continue
            topic, _, place = data.decode("utf-8", "replace").rpartition("/")[0].rpartition("/")
            offset = data.rpartition(b"/")[2]
            if topic == self._request.topic and place.isdecimal() and offset.isdigit():
                found.add((int(place), int(offset)))

    def _chunks(self, replayed: RecordSet) -> Iterator[list[Letter]]:
        """Yield the letters to send; each record once, though its letter may have copies."""
        chosen = RecordSet()
        chunk: list[Letter] = []
        size = 0
        for letter in self._letters("replaying"):
            self._outcome.letters += 1
            if not self._request.selection.takes(letter):
                self._outcome.skipped["not selected"] += 1
                continue
            why = self._why_not(letter, replayed, chosen)
            if why is not None:
                self._outcome.skipped[why] += 1
                continue
            chunk.append(letter)
            size += len(letter.value or b"")
            if len(chunk) == _CHUNK or size > _CHUNK_BYTES:
                yield chunk
                chunk, size = [], 0
        if chunk:
            yield chunk

    def _why_not(self, letter: Letter, replayed: RecordSet, chosen: RecordSet) -> str | None:
        source = letter.source
        if source is None or letter.source_topic != self._request.topic:
            return "of no known source"
        if source in replayed:
            return "already replayed"
        if not chosen.add(source):
            return "copies of a letter"
        partition = self._source.get(source[0])
        if partition is None:
            return "of a partition that is gone"
        if source[1] < partition.low and not self._request.include_unprovable:
            return "older than what the topic keeps"
        return None

    def _prepare(self, letters: Sequence[Letter]) -> list[tuple[str, str | None, Outgoing]]:
        """Return what to send: why it was rejected, why it would be again, and the record."""
        ready: list[tuple[str, Outgoing]] = []
        for letter in letters:
            assert letter.source is not None
            place = f"{self._request.topic}/{letter.source[0]}/{letter.source[1]}"
            value = letter.value
            if self._request.transform is not None:
                # A tombstone has nothing to repair.
                value = None if value is None else repaired(self._request.transform, value, place)
                if value is None:
                    self._outcome.skipped["left out by the transform"] += 1
                    continue
            outgoing = Outgoing(letter.source[0], letter.key, value, place)
            ready.append((letter.reason or "(unknown)", outgoing))
        values = [record.value for _, record in ready]
        verdicts = self._check(values) if self._check is not None else [None] * len(values)
        records = []
        for (reason, record), verdict in zip(ready, verdicts, strict=True):
            if verdict is not None and self._request.only_valid:
                self._outcome.skipped["still not valid"] += 1
            else:
                records.append((reason, verdict, record))
        return records
