"""The recovery store: private, remembered, refused where it does not fit."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from tidemark.config import Settings, load_settings
from tidemark.supervisor.recovery import (
    DESCRIPTION,
    STORE_VERSION,
    RecoveryStoreError,
    description,
    mismatches,
    prepare_store,
)


def settings(directory: Path, **environ: str) -> Settings:
    return load_settings(
        environ={"TIDEMARK_RECOVERY__DIRECTORY": str(directory / "store"), **environ}, dotenv=None
    )


def prepare(directory: Path, **environ: str) -> bool:
    with prepare_store(settings(directory, **environ)) as store:
        return store.created


def prepare_afresh(directory: Path, **environ: str) -> bool:
    with prepare_store(settings(directory, **environ), fresh=True) as store:
        return store.created


def test_makes_a_private_store_once(tmp_path: Path) -> None:
    assert prepare(tmp_path) is True
    store = tmp_path / "store"
    assert stat.S_IMODE(store.stat().st_mode) == 0o700
    parts = sorted(path.name for path in store.glob("part-*"))
    assert parts == [f"part-{index}.sqlite3" for index in range(4)]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in store.glob("part-*"))
    assert prepare(tmp_path) is False


def test_records_what_the_state_depends_on(tmp_path: Path) -> None:
    prepare(tmp_path)
    content = json.loads((tmp_path / "store" / DESCRIPTION).read_text())
    pipelines = content.pop("pipelines")
    assert content == {
        "store_version": STORE_VERSION,
        "key_groups": 16,
        "lanes": 4,
        "recovery_partitions": 4,
        "complete": True,
    }
    assert pipelines["interactions"] == {
        "topic": "user_interactions",
        "window_s": 10,
        "dedupe_by": None,
    }
    assert pipelines["sessions"] == {
        "topic": "user_activity",
        "of": "activity",
        "window_s": 60,
        "gap_s": 1800.0,
    }


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("ENGINE__KEY_GROUPS", "8", "engine.key_groups: stored 16, now 8"),
        ("STORES__LANES", "2", "stores.lanes: stored 4, now 2"),
        ("RECOVERY__PARTITIONS", "6", "recovery.partitions: stored 4, now 6"),
        (
            "PIPELINES__INTERACTIONS__WINDOW_S",
            "30",
            "pipelines.interactions.window_s: stored 10, now 30",
        ),
        (
            "PIPELINES__INTERACTIONS__TOPIC",
            "other",
            "pipelines.interactions.topic: stored user_interactions, now other",
        ),
        (
            "PIPELINES__INTERACTIONS__DEDUPE_BY",
            "event_id",
            "pipelines.interactions.dedupe_by: stored None, now event_id",
        ),
    ],
)
def test_refuses_other_settings_until_told_to_start_afresh(
    tmp_path: Path, name: str, value: str, told: str
) -> None:
    prepare(tmp_path)
    other = {f"TIDEMARK_{name}": value}
    with pytest.raises(RecoveryStoreError) as caught:
        prepare(tmp_path, **other)
    assert told in caught.value.message
    assert "--fresh" in caught.value.remedy
    assert caught.value.exit_code == 2
    assert prepare_afresh(tmp_path, **other) is True
    assert prepare(tmp_path, **other) is False


def test_other_workers_and_epochs_are_no_mismatch(tmp_path: Path) -> None:
    prepare(tmp_path)
    assert (
        prepare(tmp_path, TIDEMARK_RUN__PROCESSES="2", TIDEMARK_ENGINE__EPOCH_INTERVAL_S="9")
        is False
    )


ONE = {"store_version": STORE_VERSION, "key_groups": 16, "lanes": 4, "recovery_partitions": 4}


def test_a_topic_with_its_pipelines_more_or_less_is_no_mismatch() -> None:
    other = {"b": {"topic": "u", "window_s": 10}}
    less = {**ONE, "pipelines": other}
    more = {**ONE, "pipelines": {**other, "a": {"topic": "t", "window_s": 10}}}
    assert mismatches(less, more) == []
    assert mismatches(more, less) == []


def test_another_set_of_pipelines_of_a_topic_is_refused() -> None:
    less = {**ONE, "pipelines": {"a": {"topic": "t"}}}
    more = {**ONE, "pipelines": {"a": {"topic": "t"}, "b": {"topic": "t"}}}
    assert mismatches(less, more) == ["pipelines that read t: stored a, now a, b"]
    assert mismatches(more, less) == ["pipelines that read t: stored a, b, now a"]


def test_remembers_a_pipeline_that_is_disabled_for_a_while(tmp_path: Path) -> None:
    prepare(tmp_path)
    prepare(tmp_path, TIDEMARK_PIPELINES__INTERACTIONS__ENABLED="false")
    with pytest.raises(RecoveryStoreError, match="window_s"):
        prepare(tmp_path, TIDEMARK_PIPELINES__INTERACTIONS__WINDOW_S="30")


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_refuses_a_store_that_others_can_write(tmp_path: Path, mode: int) -> None:
    prepare(tmp_path)
    (tmp_path / "store").chmod(mode)
    with pytest.raises(RecoveryStoreError, match="other users can write") as caught:
        prepare(tmp_path)
    assert "chmod go-w" in caught.value.remedy


def test_refuses_a_partition_that_others_can_write(tmp_path: Path) -> None:
    prepare(tmp_path)
    (tmp_path / "store" / "part-2.sqlite3").chmod(0o666)
    with pytest.raises(RecoveryStoreError, match="part-2"):
        prepare(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_refuses_a_store_of_another_user(tmp_path: Path) -> None:
    prepare(tmp_path)
    os.chown(tmp_path / "store", 4321, 4321)
    with pytest.raises(RecoveryStoreError, match="belongs to another user"):
        prepare(tmp_path)


def test_refuses_partitions_of_unknown_origin(tmp_path: Path) -> None:
    prepare(tmp_path)
    (tmp_path / "store" / DESCRIPTION).unlink()
    with pytest.raises(RecoveryStoreError, match=f"{DESCRIPTION} is missing"):
        prepare(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]"])
def test_refuses_a_description_that_is_none(tmp_path: Path, content: str) -> None:
    prepare(tmp_path)
    (tmp_path / "store" / DESCRIPTION).write_text(content)
    with pytest.raises(RecoveryStoreError, match=DESCRIPTION):
        prepare(tmp_path)


def test_refuses_a_store_with_a_partition_missing(tmp_path: Path) -> None:
    prepare(tmp_path)
    (tmp_path / "store" / "part-1.sqlite3").unlink()
    with pytest.raises(RecoveryStoreError, match="3 of 4 partitions"):
        prepare(tmp_path)


def test_makes_a_store_anew_whose_making_was_cut_off(tmp_path: Path) -> None:
    prepare(tmp_path)
    path = tmp_path / "store" / DESCRIPTION
    path.write_text(json.dumps({**description(settings(tmp_path)), "complete": False}))
    (tmp_path / "store" / "part-1.sqlite3").unlink()
    assert prepare(tmp_path) is True
    assert len(list((tmp_path / "store").glob("part-*"))) == 4


def test_keeps_what_is_not_its_own(tmp_path: Path) -> None:
    prepare(tmp_path)
    (tmp_path / "store" / "notes").write_text("mine")
    prepare_afresh(tmp_path)
    assert (tmp_path / "store" / "notes").read_text() == "mine"


def _hold(directory: Path, held: Event, release: Event) -> None:
    with prepare_store(settings(directory)):
        held.set()
        release.wait(30)


def test_refuses_a_store_that_is_in_use(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(tmp_path, held, release))
    holder.start()
    try:
        assert held.wait(30)
        with pytest.raises(RecoveryStoreError, match="in use"):
            prepare(tmp_path)
    finally:
        release.set()
        holder.join(30)
    assert prepare(tmp_path) is False
