"""Streams of events, one a file: which columns an event has and how they are drawn."""

from __future__ import annotations

from generator.streams.base import Draw, Stream
from generator.streams.interactions import Interactions

STREAMS: dict[str, type[Stream]] = {"interactions": Interactions}

__all__ = ["STREAMS", "Draw", "Stream"]
