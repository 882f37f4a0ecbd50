"""Dead letters are not a grave: look at what was rejected or late, and send it back repaired."""

from __future__ import annotations

from tidemark.deadletters.letters import DEAD_LETTER_SUFFIX, LATE_SUFFIX, letter_of
from tidemark.deadletters.overview import Overview
from tidemark.deadletters.replay import Outcome, Request, replay
from tidemark.deadletters.selection import Selection, parse_conditions
from tidemark.deadletters.transform import load_transform

__all__ = [
    "DEAD_LETTER_SUFFIX",
    "LATE_SUFFIX",
    "Outcome",
    "Overview",
    "Request",
    "Selection",
    "letter_of",
    "load_transform",
    "parse_conditions",
    "replay",
]
