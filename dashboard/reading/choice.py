"""Which of the configured document stores the page reads."""

from __future__ import annotations

from pathlib import Path

from dashboard.reading.protocol import NoStore, Reader
from tidemark.config import Settings
from tidemark.redaction import redact_url


def _url(settings: Settings) -> str:
    for url in settings.documents.urls:
        if url.startswith(("sqlite:", "mongodb://", "mongodb+srv://")):
            return str(url)
    raise NoStore(
        "documents.urls names no store that can be read",
        remedy="set MONGO_URI, or documents.urls to sqlite:PATH, as the dataflow has it",
    )


def store_name(settings: Settings) -> str:
    """Return what the page calls its store: kind and place, never a password.

    Raises NoStore where nothing is kept.
    """
    url = _url(settings)
    if url.startswith("sqlite:"):
        return f"SQLite, {Path(url.removeprefix('sqlite:')).name}"
    return f"MongoDB, {redact_url(url).rpartition('@')[2].split('://')[-1].split('?')[0]}"


def open_reader(settings: Settings) -> Reader:
    """Open the first store that can be read. Raises StoreUnavailable, StoreAbsent, NoStore."""
    url = _url(settings)
    if url.startswith("sqlite:"):
        from dashboard.reading.sqlite import SQLiteReader

        return SQLiteReader(Path(url.removeprefix("sqlite:")), settings.stores.timeout_s)
    from dashboard.reading.mongodb import MongoReader

    return MongoReader(url, settings.documents.database, settings.stores.timeout_s)
