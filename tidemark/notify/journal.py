"""Journal: what has been read, what waits to be sent, what was sent. One small SQLite file.

What is read and what waits for it change in one transaction, so no restart loses or repeats an
alert; and an alert that was sent to a channel is known there, so a duplicate in the topic is not
sent. A process that is killed between a channel's answer and the note of it sends that one message
again: nobody can do both at once.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidemark.config.channels import ChannelSettings
from tidemark.errors import TidemarkError
from tidemark.notify.news import News, pack, parse

VERSION = 1
_REMEMBERED_S = 86_400.0
"""Beyond its greatest age: a sent alert that is older is not sent anyway."""
_MINUTE_S = 60.0

_SCHEMA = """
CREATE TABLE positions (
    topic TEXT, partition INTEGER, next_offset INTEGER NOT NULL, PRIMARY KEY (topic, partition)
) WITHOUT ROWID;
CREATE TABLE deliveries (
    number INTEGER PRIMARY KEY, channel TEXT NOT NULL, alert TEXT NOT NULL, news BLOB,
    window_end_s REAL NOT NULL, sent_s REAL, UNIQUE (channel, alert)
);
CREATE INDEX waiting ON deliveries (channel, number) WHERE sent_s IS NULL;
CREATE TABLE messages (channel TEXT NOT NULL, sent_s REAL NOT NULL);
CREATE INDEX newest_messages ON messages (channel, sent_s);
CREATE TABLE channels (
    channel TEXT PRIMARY KEY, messages INTEGER NOT NULL DEFAULT 0,
    alerts INTEGER NOT NULL DEFAULT 0, too_old INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0, failing_since_s REAL, error TEXT
) WITHOUT ROWID;
"""


class JournalInUse(TidemarkError):
    """Another notifier has the file."""

    permanent = True


class JournalUnusable(TidemarkError):
    """The file is none of ours, or cannot be written."""

    permanent = True


@dataclass(frozen=True, slots=True)
class Waiting:
    """An alert that is to be sent to a channel."""

    number: int
    news: News


@dataclass(frozen=True, slots=True)
class ChannelState:
    """What has become of a channel's alerts, since the file was made."""

    messages: int
    alerts: int
    too_old: int
    failures: int
    failing_since_s: float | None
    error: str | None
    waiting: int


class Journal:
    """The file, opened by one notifier alone. May be used by several threads.

    `clock` tells seconds since the Unix epoch. Raises JournalInUse, JournalUnusable.
    """

    def __init__(
        self, path: Path, max_age_s: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._max_age_s = max_age_s
        self._clock = clock
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._held = _held(path.with_name(f"{path.name}.lock"))
            # Made before SQLite opens it: what it makes would be open to others.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            path.chmod(0o600)
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._prepare(path)
        except (OSError, sqlite3.Error) as error:
            raise JournalUnusable(
                f"the journal of notifications {path} can not be used: {error}",
                remedy="see that it can be written, or set alerts.notify.state to another file",
            ) from error

    def close(self) -> None:
        """Let others have it."""
        with self._lock:
            self._connection.close()
            os.close(self._held)

    def positions(self, topic: str) -> dict[int, int]:
        """Return the next offset to read of each partition that has been read."""
        rows = self._all("SELECT partition, next_offset FROM positions WHERE topic = ?", topic)
        return dict(rows)

    def take(
        self,
        topic: str,
        positions: Mapping[int, int],
        news: Sequence[News],
        channels: Mapping[str, ChannelSettings],
    ) -> None:
        """Note what was read, and for each channel what is to be sent; what is known stays so."""
        oldest_s = self._clock() - self._max_age_s
        with self._transaction() as connection:
            for partition, offset in positions.items():
                connection.execute(
                    "INSERT OR REPLACE INTO positions VALUES (?, ?, ?)", (topic, partition, offset)
                )
            for name, channel in channels.items():
                connection.execute("INSERT OR IGNORE INTO channels (channel) VALUES (?)", (name,))
                for each in news:
                    if each.is_for(channel):
                        self._note(connection, name, each, oldest_s)

    def waiting(self, channel: str) -> list[Waiting]:
        """Return what is to be sent, in order; what has become too old is counted and left out."""
        oldest_s = self._clock() - self._max_age_s
        with self._transaction() as connection:
            gone = connection.execute(
                "DELETE FROM deliveries WHERE channel = ? AND sent_s IS NULL AND window_end_s < ?",
                (channel, oldest_s),
            ).rowcount
            self._count(connection, channel, too_old=gone)
            rows = connection.execute(
                "SELECT number, news FROM deliveries"
                " WHERE channel = ? AND sent_s IS NULL ORDER BY number",
                (channel,),
            ).fetchall()
        found = [(number, parse(packed)) for number, packed in rows]
        return [Waiting(number, news) for number, news in found if news is not None]

    def sent(self, channel: str, waiting: Sequence[Waiting]) -> None:
        """Note that one message has told of these."""
        now_s = self._clock()
        with self._transaction() as connection:
            connection.executemany(
                "UPDATE deliveries SET sent_s = ?, news = NULL WHERE number = ?",
                [(now_s, each.number) for each in waiting],
            )
            connection.execute("INSERT INTO messages VALUES (?, ?)", (channel, now_s))
            self._count(connection, channel, messages=1, alerts=len(waiting))
            connection.execute(
                "UPDATE channels SET failing_since_s = NULL, error = NULL WHERE channel = ?",
                (channel,),
            )

    def failed(self, channel: str, reason: str) -> None:
        """Note that a channel did not take a message."""
        with self._transaction() as connection:
            self._count(connection, channel, failures=1)
            connection.execute(
                "UPDATE channels SET error = ?, failing_since_s = coalesce(failing_since_s, ?)"
                " WHERE channel = ?",
                (reason, self._clock(), channel),
            )

    def messages_within(self, channel: str, seconds: float = _MINUTE_S) -> list[float]:
        """Return when a channel got its newest messages, in seconds ago; oldest first."""
        now_s = self._clock()
        rows = self._all(
            "SELECT sent_s FROM messages WHERE channel = ? AND sent_s > ? ORDER BY sent_s",
            channel,
            now_s - seconds,
        )
        # Times after now are of a clock that was put back: they count as just sent.
        return [max(0.0, now_s - sent_s) for (sent_s,) in rows]

    def states(self) -> dict[str, ChannelState]:
        """Return what has become of each channel's alerts."""
        rows = self._all(
            "SELECT channel, messages, alerts, too_old, failures, failing_since_s, error,"
            " (SELECT count(*) FROM deliveries"
            "  WHERE deliveries.channel = channels.channel AND sent_s IS NULL)"
            " FROM channels"
        )
        return {channel: ChannelState(*numbers) for channel, *numbers in rows}

    def clean(self) -> None:
        """Forget what can not be asked for any more."""
        now_s = self._clock()
        with self._transaction() as connection:
            connection.execute(
                "DELETE FROM deliveries WHERE window_end_s < ?",
                (now_s - self._max_age_s - _REMEMBERED_S,),
            )
            connection.execute("DELETE FROM messages WHERE sent_s < ?", (now_s - 2 * _MINUTE_S,))

    def _prepare(self, path: Path) -> None:
        connection = self._connection
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if version == 0 and tables == 0:
            connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT")
        elif version != VERSION:
            raise JournalUnusable(
                f"{path} is no journal of notifications that this version knows",
                remedy="set alerts.notify.state to another file",
            )

    def _note(
        self, connection: sqlite3.Connection, channel: str, news: News, oldest_s: float
    ) -> None:
        window_end_s = news.window_end.timestamp()
        if window_end_s >= oldest_s:
            connection.execute(
                "INSERT OR IGNORE INTO deliveries (channel, alert, news, window_end_s)"
                " VALUES (?, ?, ?, ?)",
                (channel, news.identity, pack(news), window_end_s),
            )
            return
        known = connection.execute(
            "SELECT 1 FROM deliveries WHERE channel = ? AND alert = ?", (channel, news.identity)
        ).fetchone()
        if known is None:
            self._count(connection, channel, too_old=1)

    @staticmethod
    def _count(connection: sqlite3.Connection, channel: str, **more: int) -> None:
        for column, count in more.items():
            if count:
                connection.execute(
                    f"UPDATE channels SET {column} = {column} + ? WHERE channel = ?",
                    (count, channel),
                )

    def _all(self, query: str, *values: object) -> list[Any]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


def _held(path: Path) -> int:
    """Return an open file that nobody else can hold; the kernel lets go when a process ends."""
    fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise JournalInUse(
            f"another notifier is at work with {path.with_suffix('')}",
            remedy="one per alerts.notify.state: stop the other one, or set another file",
        ) from None
    return fd
