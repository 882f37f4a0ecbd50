"""Where a benchmark tells what it is doing."""

from __future__ import annotations

from rich.console import Console

console = Console()
# Wide enough for the tables where output goes to a file.
wide = Console(width=None if console.is_terminal else 130)
