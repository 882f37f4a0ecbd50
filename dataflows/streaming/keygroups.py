"""Key groups: keys hashed into a fixed number of groups, the unit of state and of rescaling."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataflows.streaming.native import available, compiled
from stats.hashing import stable_hashes


def key_groups_of(keys: pa.StringArray, key_groups: int) -> npt.NDArray[np.int64]:
    """Assign each key its group, 0 to `key_groups` - 1."""
    if not available:
        return (stable_hashes(keys) % np.uint64(key_groups)).astype(np.int64)
    _, offsets, data = keys.buffers()
    groups = compiled.key_groups(offsets, data, keys.offset, len(keys), key_groups)
    return np.frombuffer(groups, np.int64)
