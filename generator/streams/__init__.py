"""Streams of events, one a file: which columns an event has and how they are drawn."""

from __future__ import annotations

from generator.settings import StreamName
from generator.streams.activity import Activity
from generator.streams.base import Draw, Stream
from generator.streams.interactions import Interactions
from generator.streams.inventory import Inventory
from generator.streams.logins import Logins
from generator.streams.sales import Sales

STREAMS: dict[StreamName, type[Stream]] = {
    "interactions": Interactions,
    "logins": Logins,
    "activity": Activity,
    "sales": Sales,
    "inventory": Inventory,
}

__all__ = ["STREAMS", "Draw", "Stream"]
