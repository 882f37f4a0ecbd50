"""Null store: takes everything and keeps nothing, for benchmarks and dry runs.

Delivery guarantee: none.
"""

from __future__ import annotations

from collections.abc import Sequence

from sinks.commands import Command


class NullStore:
    """A store that forgets."""

    def open(self) -> None:
        """Nothing to do."""

    def write(self, commands: Sequence[Command]) -> None:
        """Forget the commands."""

    def flush(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""
