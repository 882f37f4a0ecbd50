"""Put the figures into a page, between two marks."""

from __future__ import annotations

from bench.errors import BenchmarkError
from bench.peers.table import written
from bench.results import Result

BEGIN = "<!-- figures: python -m bench.peers table --write docs/peers.md -->"
END = "<!-- end of figures -->"


def rewritten(page: str, result: Result) -> str:
    """Return the page with the result's tables between its marks. Raises BenchmarkError."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise BenchmarkError(f"the page has no `{BEGIN}` followed by `{END}`")
    return f"{before}{BEGIN}\n\n{written(result)}\n\n{END}{after}"
