"""How a benchmark fails."""

from __future__ import annotations


class BenchmarkError(RuntimeError):
    """A subject failed, or its sums are wrong."""
