"""The live page: a web server of its own that reads what the dataflow has stored.

`reading/` asks the store, `refresher` asks once for everybody, `board` keeps the answers,
`sections/` says what is on the page, `server` serves it. It never writes, and never runs in the
dataflow's processes.
"""

from __future__ import annotations

from dashboard.server import serve

__all__ = ["serve"]
