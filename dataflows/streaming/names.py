"""How many different names a field may have, over the life of a partition."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from dataflows.streaming.rejects import BadRows, Reason, shown


class NameCap:
    """Knows the names of one field, `limit` of them at most, in record order."""

    def __init__(self, field: str, limit: int, known: Iterable[str] | None) -> None:
        self._field = field
        self._limit = limit
        self._known = set(known or ())

    def names(self) -> list[str]:
        """Return the names seen: the state to resume with."""
        return sorted(self._known)

    def reject(self, column: pa.StringArray, bad: BadRows) -> None:
        """Mark the rows with names past the cap; rows that are bad anyway use up no place."""
        for row, name in self._beyond(column, bad):
            message = (
                f"{self._field}: {shown(name)} is new and {self._limit} names are known already"
            )
            bad.add(row, Reason.INVALID_SCHEMA, message)

    def replace(
        self, column: pa.StringArray, default: str, bad: BadRows
    ) -> tuple[pa.StringArray, int]:
        """Return the column with the default for names past the cap, and how many there were."""
        beyond = dict(self._beyond(column, bad, default))
        if not beyond:
            return column, 0
        texts = [default if row in beyond else text for row, text in enumerate(column.to_pylist())]
        return pa.array(texts, pa.string()), len(beyond)

    def _beyond(
        self, column: pa.StringArray, bad: BadRows, default: str | None = None
    ) -> list[tuple[int, str]]:
        known = self._known
        distinct = column.unique().to_pylist()
        fresh = [name for name in distinct if name not in known and name != default]
        if not fresh:
            return []
        if not bad.rows and len(known) + len(fresh) <= self._limit:
            known.update(fresh)
            return []
        beyond = []
        for row, name in enumerate(column.to_pylist()):
            if row in bad.rows or name in known or name == default:
                continue
            if len(known) < self._limit:
                known.add(name)
            else:
                beyond.append((row, name))
        return beyond
