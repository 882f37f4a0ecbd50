"""Names that no other test uses."""

from __future__ import annotations

import re
import uuid


def unique_name(base: str) -> str:
    """Return `base`, made fit for topics and databases alike, with a random part behind it."""
    return f"{re.sub(r'[^a-z0-9_]+', '_', base.lower())[:30].strip('_')}_{uuid.uuid4().hex[:8]}"
