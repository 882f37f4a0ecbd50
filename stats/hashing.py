"""A hash of texts that is stable for ever.

It must be the same in every process, version and machine for as long as a recovery store lives, so
it is ours: the key's UTF-8 bytes as little-endian 64-bit words, folded with the multiply
and xor-shift steps of MurmurHash3's finalizer (Austin Appleby, public domain). It is computed for a
whole column at once, straight from the Arrow buffers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

UInt64Array = npt.NDArray[np.uint64]

_SEED = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLY_1 = np.uint64(0xFF51AFD7ED558CCD)
_MULTIPLY_2 = np.uint64(0xC4CEB9FE1A85EC53)
_SHIFT = np.uint64(33)
_WORD_BYTES = 8
_MASKS = np.array([(1 << (8 * n)) - 1 for n in range(_WORD_BYTES + 1)], np.uint64)


def _mix(value: UInt64Array) -> UInt64Array:
    value = (value ^ (value >> _SHIFT)) * _MULTIPLY_1
    value = (value ^ (value >> _SHIFT)) * _MULTIPLY_2
    return value ^ (value >> _SHIFT)


def stable_hashes(keys: pa.StringArray) -> UInt64Array:
    """Hash each key to 64 bits; stable for ever. Keys must not be null."""
    count = len(keys)
    if not count:
        return np.empty(0, np.uint64)
    _, offset_buffer, data_buffer = keys.buffers()
    offsets = np.frombuffer(offset_buffer, np.int32, count + 1 + keys.offset)[keys.offset :]
    data = np.zeros(int(offsets[-1]) + _WORD_BYTES, np.uint8)
    if data_buffer is not None:
        data[: offsets[-1]] = np.frombuffer(data_buffer, np.uint8)[: offsets[-1]]
    # A word at every byte offset: the view is unaligned, which numpy reads all the same.
    words = np.ndarray(data.size - _WORD_BYTES + 1, np.dtype("<u8"), data, 0, (1,))
    starts = offsets[:-1].astype(np.int64)
    lengths = np.diff(offsets).astype(np.int64)
    hashes = _mix(lengths.astype(np.uint64) + _SEED)
    rows: npt.NDArray[np.int64] | None = None
    position = 0
    while True:
        left = lengths - position if rows is None else lengths[rows] - position
        if not (left > 0).all():
            rows = np.flatnonzero(lengths > position)
            if not rows.size:
                return hashes
            left = lengths[rows] - position
        at = (starts if rows is None else starts[rows]) + position
        word = words[at] & _MASKS[np.minimum(left, _WORD_BYTES)]
        if rows is None:
            hashes = _mix(hashes ^ word)
        else:
            hashes[rows] = _mix(hashes[rows] ^ word)
        position += _WORD_BYTES
