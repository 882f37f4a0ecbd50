"""The demo's last word: what came in, what came out, and whether the books balance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tidemark.demo.ledger import ledger_lines, results
from tidemark.demo.room import Room
from tidemark.demo.snapshot import Snapshot
from tidemark.demo.view import window_line


@dataclass(frozen=True, slots=True)
class Audit:
    """`sent` is what the broker holds of each topic, counted apart from the dataflow's books."""

    sent: Mapping[str, int]
    snapshot: Snapshot

    @property
    def problems(self) -> list[str]:
        """What is wrong; empty if final windows arrived and everything is accounted for."""
        found = []
        if not sum(self.sent.values()):
            found.append("nothing was sent")
        if not self.snapshot.window_count:
            found.append("no final window of interactions arrived")
        for books in self.snapshot.pipelines:
            sent = self.sent.get(books.topic, 0)
            if books.read != sent:
                found.append(
                    f"{books.pipeline}: topic {books.topic} holds {sent:,} records,"
                    f" but {books.read:,} were read"
                )
            if not books.settled:
                found.append(
                    f"{books.pipeline}: {books.open:,} of {books.read:,} events are neither in a"
                    " final window, nor rejected, late or filtered out"
                )
        return found


def summary(room: Room, audit: Audit, *, complete: bool) -> list[str]:
    """Write the summary; `complete` if the demo ran to its end and the books must balance."""
    shown = audit.snapshot
    sent = ", ".join(f"{topic} {count:,}" for topic, count in audit.sent.items())
    unsent = [topic for topic, count in audit.sent.items() if not count]
    reasons = ", ".join(f"{name} {count:,}" for name, count in shown.rejected_by_reason.items())
    facts = "; ".join(f"{name} {value}" for name, value in results(shown.findings))
    lines = [
        *ledger_lines(shown.pipelines),
        f"sent      {sum(audit.sent.values()):,}: {sent}",
        f"rejected  {shown.rejected:,}: {reasons}",
        f"found     {facts}",
    ]
    if shown.windows:
        lines.append(f"newest window of interactions: {window_line(shown.windows[-1])}")
    lines += [
        f"{books.pipeline}: {books.open:,} events are in sessions that are still open: nothing has"
        " come since that is later than their last event by the gap"
        for books in shown.pipelines
        if complete and books.stays_open and books.settled and books.open
    ]
    if complete and unsent:
        lines.append(f"too few events at this rate: none was sent to {', '.join(unsent)}")
    lines.append(f"everything is in {room.directory} (demo.db is SQLite; config.yaml, *.log)")
    if complete:
        problems = audit.problems
        lines += [f"FAILED: {problem}" for problem in problems]
        if not problems:
            still = " (sessions: + open)" if any(each.open for each in shown.pipelines) else ""
            lines.append(
                f"OK: events read = aggregated + rejected + late + filtered{still},"
                f" in all {len(shown.pipelines)} pipelines"
            )
    return lines
