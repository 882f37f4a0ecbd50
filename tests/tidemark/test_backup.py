"""What a backup of files looks at, and what it refuses; whole flows: tests/end_to_end."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from bytewax.recovery import init_db_dir

from tests.tidemark.cli.commands import tidemark
from tidemark.backup import BackupError, _look_at_one_moment, _looking, back_up
from tidemark.config import load_settings


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a recovery store of two files: the first one has given up what is before epoch 5."""
    monkeypatch.chdir(tmp_path)
    recovery = tmp_path / "var" / "recovery"
    recovery.mkdir(parents=True, mode=0o700)
    init_db_dir(recovery, 2)  # type: ignore[no-untyped-call]
    (recovery / "tidemark.json").write_text("{}")
    change(0, "INSERT INTO commits (part_index, commit_epoch) VALUES (0, 5)")
    change(1, "INSERT INTO exs (ex_num, worker_count, resume_epoch) VALUES (0, 2, 1)")
    for worker, epoch in ((0, 6), (1, 7)):
        names = "ex_num, worker_index, worker_frontier"
        change(1, f"INSERT INTO fronts ({names}) VALUES (0, {worker}, {epoch})")
    return tmp_path


def change(part: int, statement: str) -> None:
    with closing(sqlite3.connect(f"var/recovery/part-{part}.sqlite3")) as connection, connection:
        connection.execute(statement)


def look() -> None:
    with ExitStack() as stack:
        files = sorted(Path("var/recovery").absolute().glob("part-*.sqlite3"))
        _look_at_one_moment([stack.enter_context(_looking(path, 5.0)) for path in files])


def test_files_that_fit_are_copied_for_their_owner_only(home: Path) -> None:
    copied = back_up(load_settings(environ={}), home / "there")
    assert {each.name for each in copied} == {f"recovery/part-{n}.sqlite3" for n in (0, 1)}
    assert (home / "there").stat().st_mode & 0o777 == 0o700
    for path in (home / "there" / "recovery").glob("part-*"):
        assert path.stat().st_mode & 0o777 == 0o600
    assert not (home / "there.unfinished").exists()


@pytest.mark.parametrize("slowest", [1, 5])
def test_states_that_a_start_would_need_and_that_are_gone_are_noticed(
    home: Path, slowest: int
) -> None:
    look()
    change(1, f"UPDATE fronts SET worker_frontier = {slowest} WHERE worker_index = 1")
    with pytest.raises(BackupError, match="changes too fast"):
        look()


def test_a_worker_that_has_reached_nothing_is_where_its_run_began(home: Path) -> None:
    change(1, "INSERT INTO exs (ex_num, worker_count, resume_epoch) VALUES (1, 3, 6)")
    look()
    change(0, "UPDATE commits SET commit_epoch = 6")
    with pytest.raises(BackupError):
        look()


def test_what_was_looked_at_is_copied_whatever_is_written_meanwhile(home: Path) -> None:
    path = (home / "var" / "recovery" / "part-0.sqlite3").absolute()
    with _looking(path, 5.0) as view:
        view.look()
        change(0, "UPDATE commits SET commit_epoch = 99")
        view.copy(home, "copy.db")
    with closing(sqlite3.connect(home / "copy.db")) as copy:
        assert copy.execute("SELECT commit_epoch FROM commits").fetchall() == [(5,)]


def test_a_directory_that_is_there_is_left_alone(home: Path) -> None:
    (home / "there").mkdir()
    done = tidemark(home, "backup", "there")
    assert done.returncode == 1
    assert "there is there already" in done.stderr
    assert list((home / "there").iterdir()) == []


def test_where_nothing_is_kept_nothing_is_made(tmp_path: Path) -> None:
    done = tidemark(tmp_path, "backup", "there")
    assert done.returncode == 1
    assert "there is no recovery store" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_stores_of_the_same_name_are_told_before_anything_is_made(home: Path) -> None:
    for name in ("a", "b"):
        (home / name).mkdir()
        sqlite3.connect(home / name / "same.db").close()
        (home / name / "same.db").touch()
    settings = load_settings(
        environ={"TIDEMARK_DOCUMENTS__URLS": "sqlite:a/same.db,sqlite:b/same.db"}
    )
    with pytest.raises(BackupError, match="same name"):
        back_up(settings, home / "there")
    assert not (home / "there").exists()
