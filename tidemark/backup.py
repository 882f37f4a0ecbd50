"""Copy what Tidemark keeps in files, while it runs or not: recovery store, SQLite stores, journal.

A recovery store is several SQLite files, and a start goes on from an epoch that one of them
names (Bytewax's tables `exs` and `fronts`). Copied one after the other, a file that was copied
before that one would lack the states of its epoch, and nobody would notice. So all are looked at in
one moment, each in a read transaction, those that name epochs first. The others are as new or
newer, and a start sets aside what is newer. The stores come last: what they hold beyond the epoch
is written again with the same values; what they lacked would be missing for good.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tidemark.errors import TidemarkError
from tidemark.supervisor.recovery import DESCRIPTION

if TYPE_CHECKING:
    from tidemark.config import Settings

_LOOKS: Final = 20
RECOVERY: Final = "recovery"


class BackupError(TidemarkError):
    """Nothing was backed up."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A file of the backup: where it was, its path in the backup and its size."""

    source: Path
    name: str
    size_bytes: int


def back_up(settings: Settings, directory: Path) -> list[Copied]:
    """Copy recovery store, SQLite stores and the notifier's journal into a new `directory`.

    The copies belong together: put back in their places, a run goes on from them as after a crash.
    The directory is complete or not there, and only its owner may read it. Raises BackupError.
    """
    if directory.exists():
        raise BackupError(f"{directory} is there already", remedy="name a directory that is not")
    unfinished = directory.with_name(f"{directory.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    previous = os.umask(0o077)
    try:
        (unfinished / RECOVERY).mkdir(parents=True)
        copied = _copy_all(settings, unfinished)
        unfinished.rename(directory)
    except (OSError, sqlite3.Error) as error:
        raise BackupError(f"the backup {directory} failed: {error}") from error
    finally:
        os.umask(previous)
        shutil.rmtree(unfinished, ignore_errors=True)
    return copied


def _copy_all(settings: Settings, target: Path) -> list[Copied]:
    recovery = settings.recovery.directory.absolute()
    timeout_s = settings.stores.timeout_s
    with ExitStack() as stack:
        parts = [
            stack.enter_context(_looking(path, timeout_s))
            for path in sorted(recovery.glob("part-*.sqlite3"))
        ]
        if not parts:
            raise BackupError(
                f"there is no recovery store in {recovery}",
                remedy="recovery.directory says where it is; of a cluster member 0 keeps it",
            )
        files = [stack.enter_context(_looking(path, timeout_s)) for path in _files(settings)]
        _look_at_one_moment(parts)
        for each in files:
            each.look()
        shutil.copy2(recovery / DESCRIPTION, target / RECOVERY / DESCRIPTION)
        return [
            *(each.copy(target, f"{RECOVERY}/{each.path.name}") for each in parts),
            *(each.copy(target, each.path.name) for each in files),
        ]


def _files(settings: Settings) -> list[Path]:
    """Return the SQLite stores and the journal, if they are there."""
    urls = (*settings.documents.urls, *settings.series.urls)
    stores = [Path(url.removeprefix("sqlite:")) for url in urls if url.startswith("sqlite:")]
    paths = dict.fromkeys(path.absolute() for path in (*stores, settings.alerts.notify.state))
    found = [path for path in paths if path.exists()]
    if len({path.name for path in found}) < len(found):
        raise BackupError(
            f"stores have the same name: {', '.join(map(str, found))}",
            remedy="give them names of their own in documents.urls and series.urls",
        )
    return found


class _View:
    """A database as it was when it was last looked at, whatever is written meanwhile."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    def look(self) -> None:
        """Begin a read transaction: SQLite shows one state of the file from its first read on."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        self._connection.execute("BEGIN")
        self.rows("SELECT count(*) FROM sqlite_schema")

    def rows(self, query: str) -> list[tuple[int, ...]]:
        """Return the rows of a query."""
        return self._connection.execute(query).fetchall()

    def names_epochs(self) -> bool:
        """Tell whether a start may learn from this file where to go on."""
        return bool(self.rows("SELECT 1 FROM exs UNION ALL SELECT 1 FROM fronts LIMIT 1"))

    def copy(self, target: Path, name: str) -> Copied:
        """Write what is seen into a file below `target`."""
        copy = sqlite3.connect(target / name)
        try:
            self._connection.backup(copy)
        finally:
            copy.close()
        return Copied(self.path, name, (target / name).stat().st_size)


@contextmanager
def _looking(path: Path, timeout_s: float) -> Iterator[_View]:
    # Not mode=ro: that cannot open a store in WAL mode that nobody has open.
    uri = f"{path.as_uri()}?mode=rw"
    connection = sqlite3.connect(uri, uri=True, timeout=timeout_s, isolation_level=None)
    try:
        yield _View(path, connection)
    finally:
        connection.close()


def _look_at_one_moment(parts: Sequence[_View]) -> None:
    """Look at all files of a recovery store so that they fit; again if the flow was in between."""
    for _ in range(_LOOKS):
        naming = [each for each in parts if each.names_epochs()]
        others = [each for each in parts if each not in naming]
        for each in (*naming, *others):
            each.look()
        if not any(each.names_epochs() for each in others) and _fit(parts):
            return
    raise BackupError(
        "the recovery store changes too fast to be looked at",
        remedy="set recovery.backup_interval_s to 60 and start anew, or stop it for the backup",
    )


def _fit(parts: Sequence[_View]) -> bool:
    """Tell whether every file still has what a start from the named epoch needs."""
    committed = [
        epoch for each in parts for (epoch,) in each.rows("SELECT commit_epoch FROM commits")
    ]
    return max(committed, default=0) < _resume_epoch(parts)


def _resume_epoch(parts: Sequence[_View]) -> int:
    """Return the epoch that a start goes on from: where the last run's slowest worker was."""
    runs = [
        run
        for each in parts
        for run in each.rows("SELECT ex_num, worker_count, resume_epoch FROM exs")
    ]
    if not runs:
        return 1
    number, workers, resumed = max(runs)
    reached = {
        worker: epoch
        for each in parts
        for run, worker, epoch in each.rows(
            "SELECT ex_num, worker_index, worker_frontier FROM fronts"
        )
        if run == number
    }
    return min(reached.get(worker, resumed) for worker in range(workers))
