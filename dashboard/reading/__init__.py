"""What the page asks of a document store, and the stores that answer."""

from __future__ import annotations

from dashboard.reading.choice import open_reader, store_name
from dashboard.reading.protocol import NoStore, Reader, StoreAbsent, TooLong
from dashboard.reading.source import Source

__all__ = [
    "NoStore",
    "Reader",
    "Source",
    "StoreAbsent",
    "TooLong",
    "open_reader",
    "store_name",
]
