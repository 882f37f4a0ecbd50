"""Decide whether a group of workers that failed is started again, and when."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient the supervisor is; all times in seconds."""

    first_delay_s: float = 0.5
    max_delay_s: float = 30.0
    stable_after_s: float = 60.0
    """A group that ran so long is taken as healthy: the next failure counts as the first."""
    max_restarts: int = 5
    """Restarts in a row before a group that has never been healthy is given up."""
    start_limit_s: float = 60.0
    """A group that has not connected within this time hangs and is restarted."""
    load_limit_s: float | None = None
    """The same for getting what it needs from others, which comes before; None: as above."""
    settle_s: float = 1.0
    """After one process has failed, how long the others may take to say why they did."""
    stop_limit_s: float = 15.0
    """How long processes may take to stop before they are killed."""


@dataclass(slots=True)
class Restarts:
    """Count restarts in a row; delays double until a run was stable.

    What has once run well is restarted for ever: then it is the world that fails, not the program.
    The same goes for what was killed from outside, by a person or for want of memory.
    """

    policy: Policy
    in_a_row: int = field(default=0, init=False)
    kills_in_a_row: int = field(default=0, init=False)
    proven: bool = field(default=False, init=False)

    def next_delay_s(self, ran_s: float, *, killed: bool = False) -> float | None:
        """Return the delay before the next start after a run of `ran_s`; None gives it up."""
        if ran_s >= self.policy.stable_after_s:
            self.in_a_row = self.kills_in_a_row = 0
            self.proven = True
        if not (killed or self.proven) and self.in_a_row >= self.policy.max_restarts:
            return None
        doublings = min(self.in_a_row + self.kills_in_a_row, 30)
        if killed:
            self.kills_in_a_row += 1
        else:
            self.in_a_row += 1
        return min(self.policy.first_delay_s * 2.0**doublings, self.policy.max_delay_s)
