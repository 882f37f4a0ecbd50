"""The demo's last word: what came in, what came out, and whether the books balance."""

from __future__ import annotations

from dataclasses import dataclass

from tidemark.demo.room import Room
from tidemark.demo.snapshot import Snapshot
from tidemark.demo.view import window_line


@dataclass(frozen=True, slots=True)
class Audit:
    """`sent` is what the broker holds of the topic, counted apart from the dataflow's books."""

    sent: int
    books: Snapshot

    @property
    def problems(self) -> list[str]:
        """What is wrong; empty if final windows arrived and everything is accounted for."""
        found = []
        books = self.books
        if not books.window_count:
            found.append("no final window arrived")
        if not self.sent:
            found.append("nothing was sent")
        if books.read != self.sent:
            found.append(f"the topic holds {self.sent:,} records, but {books.read:,} were read")
        if not books.balanced:
            found.append(
                f"{books.open:,} of {books.read:,} events are neither in a final window,"
                " nor rejected, nor late"
            )
        return found


def summary(room: Room, audit: Audit, *, complete: bool) -> list[str]:
    """Write the summary; `complete` if the demo ran to its end and the books must balance."""
    books = audit.books
    reasons = ", ".join(f"{name} {count:,}" for name, count in books.rejected_by_reason.items())
    lines = [
        f"sent         {audit.sent:>10,}",
        f"read         {books.read:>10,}",
        f"aggregated   {books.aggregated:>10,}   in {books.window_count:,} final windows",
        f"rejected     {books.rejected:>10,}" + (f"   {reasons}" if reasons else ""),
        f"late         {books.late:>10,}",
    ]
    if not books.balanced:
        lines.append(f"open         {books.open:>10,}   in windows that were not final yet")
    if books.windows:
        lines.append(f"newest window {window_line(books.windows[-1])}")
    lines.append(f"everything is in {room.directory} (demo.db is SQLite; config.yaml, *.log)")
    if complete:
        problems = audit.problems
        lines += [f"FAILED: {problem}" for problem in problems]
        if not problems:
            lines.append("OK: events read = aggregated + rejected + late")
    return lines
