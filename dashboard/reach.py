"""Whether the stores answer that the page itself does not read."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dashboard.board import Board
from dashboard.state import State
from tidemark.config import Settings
from tidemark.redaction import redact_url

_EVERY_S = 15.0
_TIMEOUT_S = 3.0


class Reach:
    """Asks every configured store whether it is there, while somebody looks at the health view."""

    def __init__(self, settings: Settings, state: State, board: Board) -> None:
        self._settings = settings
        self._state = state
        self._board = board

    async def run(self) -> None:
        """Look now and then until the board is closed."""
        while not self._board.closed:
            if self._board.watchers("health"):
                self._state.stores = await asyncio.to_thread(look, self._settings)
                await asyncio.sleep(_EVERY_S)
            else:
                await asyncio.sleep(0.5)


def look(settings: Settings) -> list[dict[str, Any]]:
    """Return kind, place and what is wrong (nothing: None) of each configured store."""
    found = []
    for holds, urls in (("documents", settings.documents.urls), ("series", settings.series.urls)):
        for url in urls:
            found.append({"holds": holds, "name": _name(str(url)), "trouble": _trouble(str(url))})
    return found


def _name(url: str) -> str:
    if "://" not in url:
        kind, _, path = url.partition(":")
        return f"{kind}:{Path(path).name}" if path else url
    return f"{urlsplit(url).scheme}://{redact_url(url).rpartition('@')[2].rpartition('://')[2]}"


def _trouble(url: str) -> str | None:
    if url.startswith("sqlite:"):
        return None if Path(url.removeprefix("sqlite:")).exists() else "there is no such file"
    if url.startswith(("http://", "https://")):
        return _ping_influx(url)
    if url.startswith(("mongodb://", "mongodb+srv://")):
        return _ping_mongo(url)
    return None


def _ping_influx(url: str) -> str | None:
    parts = urlsplit(url)
    place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}/ping"
    try:
        with urllib.request.urlopen(place, timeout=_TIMEOUT_S):
            return None
    except urllib.error.HTTPError as error:
        # It wants a login even for this: it is there.
        return None if error.code in (401, 403) else f"answers {error.code}"
    except OSError as error:
        return f"does not answer: {getattr(error, 'reason', error)}"


def _ping_mongo(url: str) -> str | None:
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    timeout_ms = round(_TIMEOUT_S * 1000)
    try:
        client: MongoClient[dict[str, Any]] = MongoClient(url, serverSelectionTimeoutMS=timeout_ms)
    except (PyMongoError, ValueError):
        return "has no valid address"
    try:
        client.admin.command("ping")
    except PyMongoError:
        return "does not answer"
    finally:
        client.close()
    return None
