"""What became of the records that were sent."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Delivery:
    """Counts of one run, kept up to date while it lasts.

    Once the run is over, `sent = acknowledged + failed`.
    """

    sent: int = 0
    acknowledged: int = 0
    failed: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    """Failed records by what the client or the broker said."""
    faults: Counter[str] = field(default_factory=Counter)
    """Sent records by fault."""
    seconds: float = 0.0
    interrupted: bool = False

    @property
    def complete(self) -> bool:
        """Tell whether every record that was sent is acknowledged."""
        return self.failed == 0 and self.acknowledged == self.sent

    @property
    def events_per_s(self) -> float:
        """Return acknowledged records a second."""
        return self.acknowledged / self.seconds if self.seconds > 0 else 0.0

    def summary(self) -> str:
        """Return the last line of a run."""
        line = (
            f"sent {self.sent}, acknowledged {self.acknowledged}, failed {self.failed}, "
            f"{self.events_per_s:.0f} events/s in {self.seconds:.1f} s"
        )
        return line + (", interrupted" if self.interrupted else "")

    def details(self) -> list[str]:
        """Return one line about faults and one for each kind of error."""
        faults = ", ".join(f"{name} {count}" for name, count in sorted(self.faults.items()))
        errors = [f"failed {count}: {name}" for name, count in self.errors.most_common()]
        return ([f"faults: {faults}"] if faults else []) + errors
