"""What the journal keeps."""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tidemark.notify.making import news
from tidemark.config.channels import ChannelSettings
from tidemark.notify.journal import Journal, JournalInUse, JournalUnusable

CHANNELS = {"a": ChannelSettings(), "b": ChannelSettings(min_severity="critical")}


class Clock:
    def __init__(self) -> None:
        self.now_s = time.time()

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> Iterator[Journal]:
    journal = Journal(tmp_path / "notify.db", 3600.0, clock)
    yield journal
    journal.close()


def waiting(journal: Journal, channel: str = "a") -> list[str]:
    return [each.news.subject for each in journal.waiting(channel)]


def test_each_channel_has_what_it_wants_in_order(journal: Journal) -> None:
    journal.take("t", {0: 5}, [news(1), news(2, severity="critical")], CHANNELS)
    assert waiting(journal) == ["s1", "s2"]
    assert waiting(journal, "b") == ["s2"]


def test_a_duplicate_is_not_sent_again(journal: Journal) -> None:
    alert = news(1)
    journal.take("t", {0: 5}, [alert, alert], CHANNELS)
    journal.take("t", {0: 5}, [alert], CHANNELS)
    assert waiting(journal) == ["s1"]
    journal.sent("a", journal.waiting("a"))
    journal.take("t", {0: 5}, [alert], CHANNELS)
    assert waiting(journal) == []
    assert journal.states()["a"].alerts == 1


def test_all_is_there_after_a_restart(tmp_path: Path) -> None:
    first = Journal(tmp_path / "j", 3600.0)
    first.take("t", {0: 5, 2: 7}, [news(1), news(2)], CHANNELS)
    first.sent("a", first.waiting("a")[:1])
    first.close()
    second = Journal(tmp_path / "j", 3600.0)
    assert second.positions("t") == {0: 5, 2: 7}
    assert second.positions("u") == {}
    assert waiting(second) == ["s2"]
    second.close()


def test_what_is_too_old_is_counted_and_not_sent(journal: Journal, clock: Clock) -> None:
    journal.take("t", {0: 1}, [news(1, ago_s=3700), news(2)], CHANNELS)
    assert waiting(journal) == ["s2"]
    clock.now_s += 3600
    assert waiting(journal) == []
    assert journal.states()["a"].too_old == 2


def test_what_was_sent_and_is_old_now_is_not_counted_as_too_old(
    journal: Journal, clock: Clock
) -> None:
    alert = news(1)
    journal.take("t", {0: 1}, [alert], CHANNELS)
    journal.sent("a", journal.waiting("a"))
    clock.now_s += 4000
    journal.take("t", {0: 1}, [alert], CHANNELS)
    assert journal.states()["a"].too_old == 0


def test_what_is_forgotten_is_too_old_to_be_sent(journal: Journal, clock: Clock) -> None:
    alert = news(1)
    journal.take("t", {0: 1}, [alert], CHANNELS)
    journal.sent("a", journal.waiting("a"))
    clock.now_s += 2 * 86_400
    journal.clean()
    journal.take("t", {0: 1}, [alert], CHANNELS)
    assert waiting(journal) == []


def test_messages_of_the_last_minute_are_known(journal: Journal, clock: Clock) -> None:
    journal.take("t", {0: 1}, [news(1)], CHANNELS)
    journal.sent("a", journal.waiting("a"))
    clock.now_s += 20
    journal.sent("a", [])
    clock.now_s += 10
    assert journal.messages_within("a") == pytest.approx([30, 10])
    clock.now_s += 40
    assert journal.messages_within("a") == pytest.approx([50])
    assert journal.messages_within("b") == []


def test_a_failure_is_there_until_a_message_is_taken(journal: Journal) -> None:
    journal.take("t", {0: 1}, [news(1)], CHANNELS)
    journal.failed("a", "no route")
    journal.failed("a", "no route at all")
    state = journal.states()["a"]
    assert (state.failures, state.error, state.waiting) == (2, "no route at all", 1)
    assert state.failing_since_s is not None
    journal.sent("a", journal.waiting("a"))
    state = journal.states()["a"]
    assert (state.error, state.failing_since_s, state.waiting) == (None, None, 0)


def test_nobody_else_reads_the_file(tmp_path: Path, journal: Journal) -> None:
    journal.take("t", {0: 1}, [news(1)], CHANNELS)
    files = sorted(tmp_path.iterdir())
    assert len(files) >= 3  # with its lock and what SQLite keeps beside it
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_two_notifiers_do_not_share_a_file(tmp_path: Path, journal: Journal) -> None:
    with pytest.raises(JournalInUse):
        Journal(tmp_path / "notify.db", 3600.0)


def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_text("my diary, in which I write of everything that I have seen")
    with pytest.raises(JournalUnusable):
        Journal(path, 3600.0)
    assert path.read_text().startswith("my diary")
