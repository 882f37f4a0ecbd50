"""Prepare the recovery store: private, made once, and only ever used with the settings it fits.

Beside Bytewax's partitions (`part-N.sqlite3`) lies `tidemark.json`, which records what the stored
state depends on. Snapshots are pickles: whoever can write them runs code here, so a store that
others can write is refused.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tidemark.errors import EXIT_USAGE, TidemarkError

if TYPE_CHECKING:
    from tidemark.config import Settings

STORE_VERSION: Final = 2
DESCRIPTION: Final = "tidemark.json"
LOCK: Final = "tidemark.lock"
PARTS: Final = "part-*.sqlite3*"

_START_AFRESH = "or give recovery.directory another place, or start from nothing with --fresh"


class RecoveryStoreError(TidemarkError):
    """The recovery store cannot be used as it is; trying again would not help."""

    exit_code = EXIT_USAGE


@dataclass(frozen=True, slots=True)
class RecoveryStore:
    """A recovery store that is ready for the settings it was prepared with."""

    directory: Path
    created: bool


@contextmanager
def prepare_store(settings: Settings, *, fresh: bool = False) -> Iterator[RecoveryStore]:
    """Hold the recovery store of `settings` while it is used; make it if it is not there yet.

    With `fresh` what was stored is thrown away first. In a cluster over several machines member 0
    keeps all partitions and the others none: so the cluster can grow and shrink without any of them
    being moved. Raises RecoveryStoreError if the store is not private, in use, damaged, or was made
    with settings that its state depends on.
    """
    keeps = not settings.run.member
    directory = settings.recovery.directory.absolute()
    _make_private(directory)
    with _locked(directory):
        if fresh:
            _wipe(directory)
        created = _ensure(directory, description(settings), keeps)
        yield RecoveryStore(directory, created)


def description(settings: Settings) -> dict[str, Any]:
    """Describe what the stored state depends on."""
    pipelines: dict[str, dict[str, Any]] = {}
    for name, section, _ in settings.pipelines.wanted():
        fixed = {key: getattr(section, key) for key in section.fixed}
        pipelines[name] = {"topic": settings.pipelines.topic_of(name), **fixed}
    for path in settings.pipelines.own:
        pipelines[path] = {"topic": None}
    return {
        "store_version": STORE_VERSION,
        "key_groups": settings.engine.key_groups,
        "lanes": settings.stores.lanes,
        "recovery_partitions": settings.recovery.partitions,
        "pipelines": pipelines,
    }


_SETTING_OF: Final = {
    "key_groups": "engine.key_groups",
    "lanes": "stores.lanes",
    "recovery_partitions": "recovery.partitions",
}


def mismatches(stored: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """List the settings that the stored state does not fit, as `setting: stored X, now Y`.

    All pipelines of a topic are at one place in it, so one of them can be neither added nor left
    out. A topic with its pipelines can: it is read from its start, or rests where it is.
    """
    found = []
    if stored.get("store_version") != wanted["store_version"]:
        found.append(
            f"store version: stored {stored.get('store_version')}, now {wanted['store_version']}"
        )
    for key, setting in _SETTING_OF.items():
        if stored.get(key) != wanted[key]:
            found.append(f"{setting}: stored {stored.get(key)}, now {wanted[key]}")
    found += _other_sets(stored.get("pipelines", {}), wanted["pipelines"])
    for name, pipeline in wanted["pipelines"].items():
        before = stored.get("pipelines", {}).get(name)
        if before is None:
            continue
        for key, value in pipeline.items():
            if before.get(key) != value:
                found.append(f"pipelines.{name}.{key}: stored {before.get(key)}, now {value}")
    return found


def _other_sets(stored: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    def by_topic(pipelines: dict[str, Any]) -> dict[str, set[str]]:
        topics: dict[str, set[str]] = {}
        for name, pipeline in pipelines.items():
            if pipeline.get("topic") is not None:
                topics.setdefault(pipeline["topic"], set()).add(name)
        return topics

    before = by_topic(stored)
    return [
        f"pipelines that read {topic}: stored {', '.join(sorted(before[topic]))},"
        f" now {', '.join(sorted(now))}"
        for topic, now in by_topic(wanted).items()
        if topic in before and before[topic] != now
    ]


def _make_private(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise RecoveryStoreError(
            f"the recovery directory {directory} cannot be made: {error.strerror}",
            remedy="set recovery.directory to a place that this user can write",
        ) from error
    for path in (directory, *directory.glob(PARTS)):
        state = path.stat()
        if state.st_uid != os.geteuid():
            raise RecoveryStoreError(
                f"the recovery store {path} belongs to another user (uid {state.st_uid})",
                remedy=f"run as that user, give it to this one (chown {os.geteuid()}),"
                " or set recovery.directory to a directory of one's own",
            )
        if state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise RecoveryStoreError(
                f"other users can write the recovery store {path}"
                f" (mode {stat.S_IMODE(state.st_mode):04o}); its snapshots run code when loaded",
                remedy=f"if nobody else has written to it: chmod go-w {path}",
            )


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    # The kernel drops the lock with its holder, however that ends.
    with (directory / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RecoveryStoreError(
                f"the recovery store {directory} is in use by another tidemark run",
                remedy="stop that one first, or set recovery.directory to another place",
            ) from error
        yield


def _wipe(directory: Path) -> None:
    (directory / DESCRIPTION).unlink(missing_ok=True)
    for part in directory.glob(PARTS):
        part.unlink()


def _ensure(directory: Path, wanted: dict[str, Any], keeps: bool) -> bool:
    path = directory / DESCRIPTION
    stored = _read(path)
    parts = len(list(directory.glob("part-*.sqlite3")))
    if not keeps:
        if parts:
            raise RecoveryStoreError(
                f"{directory} holds recovery partitions, but only member 0 of a cluster has them",
                remedy="start member 0 with them, and this one with an empty recovery.directory",
            )
        return False
    if stored is None and parts:
        raise RecoveryStoreError(
            f"{directory} holds recovery partitions, but not what they were made for"
            f" ({DESCRIPTION} is missing)",
            remedy=f"put {DESCRIPTION} back, {_START_AFRESH}",
        )
    if stored is None or not stored.get("complete"):
        _create(directory, wanted)
        return True
    wrong = mismatches(stored, wanted)
    if wrong:
        raise RecoveryStoreError(
            f"the recovery store {directory} was made with other settings: " + "; ".join(wrong),
            remedy=f"set them back, {_START_AFRESH}",
        )
    if parts != wanted["recovery_partitions"]:
        raise RecoveryStoreError(
            f"the recovery store {directory} is damaged:"
            f" {parts} of {wanted['recovery_partitions']} partitions are there",
            remedy=f"restore them from a backup, {_START_AFRESH}",
        )
    merged = {**wanted, "pipelines": {**stored["pipelines"], **wanted["pipelines"]}}
    if merged["pipelines"] != stored["pipelines"]:
        _write(path, {**merged, "complete": True})
    return False


def _create(directory: Path, wanted: dict[str, Any]) -> None:
    from bytewax.recovery import init_db_dir

    # Incomplete until the last partition is there: a start that is killed in between is made anew.
    _write(directory / DESCRIPTION, {**wanted, "complete": False})
    for part in directory.glob(PARTS):
        part.unlink()
    previous = os.umask(0o077)
    try:
        partitions = wanted["recovery_partitions"]
        init_db_dir(directory, partitions)  # type: ignore[no-untyped-call] # native
    finally:
        os.umask(previous)
    _write(directory / DESCRIPTION, {**wanted, "complete": True})


def _read(path: Path) -> dict[str, Any] | None:
    try:
        stored = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise RecoveryStoreError(
            f"{path} is not readable: {error}",
            remedy=f"restore it from a backup, {_START_AFRESH}",
        ) from error
    if not isinstance(stored, dict):
        raise RecoveryStoreError(f"{path} is not a description of a recovery store")
    return stored


def _write(path: Path, content: dict[str, Any]) -> None:
    new = path.with_suffix(".new")
    new.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
    new.replace(path)
