"""How long a process may take to get what it needs, before it joins the others."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidemark.config import Settings

_BESIDES_S = 60.0
"""For everything that is not waiting: imports, looking at topics, making those that are missing."""


def load_limit_s(settings: Settings) -> float:
    """Return the time after which a process that has not got it hangs; infinite where it waits."""
    policies = {settings.kafka.at_start, settings.documents.at_start, settings.series.at_start}
    if "wait" in policies:
        return math.inf
    # The broker and the stores are waited for one after the other.
    return 2 * settings.kafka.start_timeout_s + _BESIDES_S
