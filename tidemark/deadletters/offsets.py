"""A set of records, by partition and offset, at a bit an offset."""

from __future__ import annotations

_CHUNK_BITS = 1 << 15


class RecordSet:
    """Remembers records of one topic.

    Costs 4 KiB for each 32,768 offsets that hold a member: millions of members near each other fit
    into little memory.
    """

    def __init__(self) -> None:
        self._chunks: dict[tuple[int, int], bytearray] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, record: tuple[int, int]) -> bool:
        partition, offset = record
        chunk = self._chunks.get((partition, offset // _CHUNK_BITS))
        bit = offset % _CHUNK_BITS
        return chunk is not None and bool(chunk[bit >> 3] >> (bit & 7) & 1)

    def add(self, record: tuple[int, int]) -> bool:
        """Take a record in; False when it was there already."""
        if record in self:
            return False
        partition, offset = record
        at = (partition, offset // _CHUNK_BITS)
        chunk = self._chunks.setdefault(at, bytearray(_CHUNK_BITS >> 3))
        bit = offset % _CHUNK_BITS
        chunk[bit >> 3] |= 1 << (bit & 7)
        self._count += 1
        return True
