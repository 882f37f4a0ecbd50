"""SQLite layout: the tables, views and statements of the SQLite store.

Plain documents are rows of a table named like the collection: `_id`, `doc`.

Aggregates are numbers in columns, because adding a window to JSON text costs three times as much:
the table `<collection>_rows` holds one row per key with one column `n0` … `n15` per type name,
`<collection>_names` says which name has which column, and `rest` holds what more names there are,
as JSON. The view named like the collection puts the document together: `_id`, `doc`, as everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LAYOUT_VERSION = 1
SLOTS = 16
DOCUMENT_COLLECTIONS = ("aggregated_data", "real_time_metrics", "pipeline_status")
AGGREGATE_COLLECTIONS = ("user_stats", "item_stats")
# Fields of `doc` that people filter by, per collection.
_INDEXES: dict[str, tuple[tuple[str, ...], ...]] = {
    "aggregated_data": (("timestamp",), ("type", "timestamp")),
    "real_time_metrics": (("timestamp",),),
    "alerts": (("timestamp",), ("state", "timestamp")),
    "inventory_levels": (("status", "current_stock"),),
}

SERIES_TABLE = """
CREATE TABLE IF NOT EXISTS series (
    measurement TEXT NOT NULL,
    time INTEGER NOT NULL,
    tags TEXT NOT NULL,
    fields TEXT NOT NULL,
    PRIMARY KEY (measurement, time, tags)
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Statement:
    """An upsert of any number of rows: into what, which values, and what on a conflict.

    `values` are over the columns of a row, of which there are `width`: `column1`, `column2`, … as
    SQLite names those of VALUES.
    """

    into: str
    values: str
    width: int
    tail: str

    def sql(self, rows: int) -> str:
        """Return the statement for so many rows; one whose first column is null is none."""
        row = f"({','.join('?' * self.width)})"
        return f"""
            INSERT INTO {self.into} SELECT {self.values}
            FROM (VALUES {",".join([row] * rows)}) WHERE column1 IS NOT NULL {self.tail}
            """


def quote(name: str) -> str:
    """Return an SQL identifier for any name."""
    return '"' + name.replace('"', '""') + '"'


def document_schema(collection: str) -> list[str]:
    """Return the statements that make a collection of plain documents."""
    table = quote(collection)
    made = [f"CREATE TABLE IF NOT EXISTS {table} (_id TEXT PRIMARY KEY, doc TEXT NOT NULL)"]
    for fields in _INDEXES.get(collection, ()):
        index = quote("_".join((collection, *fields)))
        keys = ", ".join(f"json_extract(doc, '$.{field}')" for field in fields)
        made.append(f"CREATE INDEX IF NOT EXISTS {index} ON {table} ({keys})")
    return made


def replace_statement(collection: str) -> Statement:
    """Return the upsert of (_id, doc)."""
    return Statement(
        f"{quote(collection)} (_id, doc)",
        "column1, column2",
        2,
        "ON CONFLICT (_id) DO UPDATE SET doc = excluded.doc",
    )


def expire_statement(collection: str) -> str:
    """Return the statement that deletes what is older than ?2 among the ?1 rows stored first.

    Rows are stored in about the order of their times: no index is needed, which each row would have
    to pay for.
    """
    table = quote(collection)
    return f"""
        DELETE FROM {table}
        WHERE rowid IN (SELECT rowid FROM {table} ORDER BY rowid LIMIT ?1)
        AND rtrim(json_extract(doc, '$.timestamp'), 'Z') < ?2
        """


def newest_statement(collection: str, order_by: str) -> Statement:
    """Return the upsert of (_id, doc) that leaves a newer document alone."""
    table = quote(collection)
    path = "'$." + quote(order_by).replace("'", "''") + "'"

    def order(doc: str) -> str:
        # Without the Z, ISO-8601 text with and without a fraction compares in time order.
        value = f"json_extract({doc}, {path})"
        return f"CASE typeof({value}) WHEN 'text' THEN rtrim({value}, 'Z') ELSE {value} END"

    return Statement(
        f"{table} (_id, doc)",
        "column1, column2",
        2,
        f"""
        ON CONFLICT (_id) DO UPDATE SET doc = excluded.doc
        WHERE coalesce({order(f"{table}.doc")} <= {order("excluded.doc")}, true)
        """,
    )


def series_statement() -> Statement:
    """Return the upsert of (measurement, time, tags, fields).

    Fields that are not sent stay, as in InfluxDB.
    """
    return Statement(
        "series (measurement, time, tags, fields)",
        "column1, column2, column3, column4",
        4,
        """
        ON CONFLICT (measurement, time, tags)
        DO UPDATE SET fields = json_patch(fields, excluded.fields)
        """,
    )


def aggregate_schema(collection: str) -> list[str]:
    """Return the statements that make a collection of aggregates.

    The rows have a hidden row number on purpose: keys that came together lie together, so that
    their next window changes few pages. Ordered by key, a window of a tenth of a million keys
    changed every page, and took three times as long.
    """
    rows, names = quote(f"{collection}_rows"), quote(f"{collection}_names")
    slots = ", ".join(f"n{slot} INTEGER" for slot in range(SLOTS))
    members = " || ".join(
        f"""
        CASE WHEN n{slot} IS NULL THEN '' ELSE
            ',' || (SELECT label FROM {names} WHERE slot = {slot}) || ':' || n{slot} END
        """
        for slot in range(SLOTS)
    )
    others = "CASE WHEN rest IS NULL THEN '' ELSE ',' || substr(rest, 2, length(rest) - 2) END"
    by_type = f"json('{{' || substr({members} || {others}, 2) || '}}')"
    return [
        f"""
        CREATE TABLE IF NOT EXISTS {names} (
            slot INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, label TEXT NOT NULL
        )
        """,
        f"""
        CREATE TABLE IF NOT EXISTS {rows} (
            _id TEXT PRIMARY KEY,
            total INTEGER NOT NULL,
            windows INTEGER NOT NULL,
            max_per_window INTEGER NOT NULL,
            min_per_window INTEGER NOT NULL,
            last_window_us INTEGER NOT NULL,
            last_window_count INTEGER NOT NULL,
            first_seen_us INTEGER NOT NULL,
            rest TEXT,
            {slots}
        )
        """,
        f"CREATE INDEX IF NOT EXISTS {quote(f'{collection}_total')} ON {rows} (total)",
        f"""
        CREATE VIEW IF NOT EXISTS {quote(collection)} (_id, doc) AS
        SELECT _id, json_object(
            '_id', _id,
            'total', total,
            'by_type', {by_type},
            'windows', windows,
            'avg_per_window', total * 1.0 / windows,
            'max_per_window', max_per_window,
            'min_per_window', min_per_window,
            'last_window', {_iso("last_window_us")},
            'last_window_count', last_window_count,
            'first_seen', {_iso("first_seen_us")},
            'last_seen', {_iso("last_window_us")}
        ) FROM {rows}
        """,
    ]


def name_statement(collection: str) -> str:
    """Return the statement that gives a (name, JSON of the name) the next column, if one is left.

    A name that has one keeps it.
    """
    names = quote(f"{collection}_names")
    return f"""
        INSERT INTO {names} (slot, name, label)
        SELECT taken, ?1, ?2 FROM (SELECT count(*) AS taken FROM {names}) WHERE taken < {SLOTS}
        ON CONFLICT (name) DO NOTHING
        """


def accumulate_statement(collection: str, counts: Sequence[str]) -> Statement:
    """Return the upsert of what windows add to a key, where all of them are new to it.

    A row is (key, total, windows, largest and smallest total of a window, first and last window in
    microseconds since the epoch, total of the last, *counts). `counts` are columns of the table,
    0 for none, and may be `rest`.
    """
    table = quote(f"{collection}_rows")
    given = [
        "_id",
        "total",
        "windows",
        "max_per_window",
        "min_per_window",
        "first_seen_us",
        "last_window_us",
        "last_window_count",
        *counts,
    ]
    values = [
        f"nullif(column{number}, 0)" if name in counts and name != "rest" else f"column{number}"
        for number, name in enumerate(given, 1)
    ]
    added = [
        f"{n} = coalesce({n} + excluded.{n}, {n}, excluded.{n})," for n in counts if n != "rest"
    ]
    if "rest" in counts:
        added.append(f"rest = {_merged(table)},")
    tail = f"""
        ON CONFLICT (_id) DO UPDATE SET
            {" ".join(added)}
            total = total + excluded.total,
            windows = windows + excluded.windows,
            max_per_window = max(max_per_window, excluded.max_per_window),
            min_per_window = min(min_per_window, excluded.min_per_window),
            last_window_us = excluded.last_window_us,
            last_window_count = excluded.last_window_count
        WHERE {table}.last_window_us < excluded.first_seen_us
        """
    return Statement(f"{table} ({', '.join(given)})", ", ".join(values), len(given), tail)


def _merged(table: str) -> str:
    """Return the sum of two JSON maps of counts, either of which may be missing."""
    return f"""
        CASE
            WHEN excluded.rest IS NULL THEN {table}.rest
            WHEN {table}.rest IS NULL THEN excluded.rest
            ELSE (
                SELECT json_group_object(key, n) FROM (
                    SELECT key, sum(value) AS n FROM (
                        SELECT key, value FROM json_each({table}.rest)
                        UNION ALL SELECT key, value FROM json_each(excluded.rest)
                    ) GROUP BY key
                )
            )
        END
        """


def _iso(column: str) -> str:
    """Return ISO-8601 text with Z of a time in microseconds, six decimals only where needed."""
    fraction = f"(({column} % 1000000 + 1000000) % 1000000)"
    seconds = f"(({column} - {fraction}) / 1000000)"
    whole = f"strftime('%Y-%m-%dT%H:%M:%S', {seconds}, 'unixepoch')"
    decimals = f"CASE {fraction} WHEN 0 THEN '' ELSE printf('.%06d', {fraction}) END"
    return f"({whole} || {decimals} || 'Z')"
