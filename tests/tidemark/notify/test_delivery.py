"""Sending to one channel: one by one, a burst together, again where it fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tidemark.notify.making import news
from tidemark.config.channels import ChannelSettings
from tidemark.notify.channels import Channel, NotSent
from tidemark.notify.delivery import Delivery
from tidemark.notify.journal import Journal
from tidemark.notify.messages import Message

WANTED = {"a": ChannelSettings(), "b": ChannelSettings()}


class Sender:
    """Takes messages, but not the first `refused` ones."""

    def __init__(self, refused: int = 0) -> None:
        self.refused = refused
        self.got: list[Message] = []
        self.release = threading.Event()
        self.release.set()

    def send(self, message: Message) -> None:
        assert self.release.wait(30)
        if self.refused:
            self.refused -= 1
            raise NotSent("come back later")
        self.got.append(message)


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "notify.db", 3600.0)
    journal.take("t", {}, [], WANTED)
    yield journal
    journal.close()


def delivery(
    journal: Journal,
    sender: Sender,
    name: str = "a",
    *,
    per_minute: int = 10,
    bundle_s: float = 0.0,
) -> Delivery:
    made = Delivery(Channel(name, WANTED[name], sender), journal, per_minute, bundle_s)
    made.start()
    return made


def finish(*deliveries: Delivery) -> None:
    for each in deliveries:
        each.finish(30.0)
    for each in deliveries:
        each.join(30.0)
        assert each.error is None


def test_a_few_alerts_are_a_message_each_in_order(journal: Journal) -> None:
    journal.take("t", {0: 3}, [news(number) for number in range(3)], WANTED)
    sender = Sender()
    finish(delivery(journal, sender))
    assert [message.title for message in sender.got] == [f"[WARNING] r: s{n}" for n in range(3)]


def test_more_than_the_share_of_a_minute_go_out_together(journal: Journal) -> None:
    journal.take("t", {0: 50}, [news(number) for number in range(50)], WANTED)
    sender = Sender()
    finish(delivery(journal, sender))
    assert [message.alerts for message in sender.got] == [50]


def test_a_burst_that_is_still_coming_is_waited_for(journal: Journal) -> None:
    sender = Sender()
    made = delivery(journal, sender, per_minute=2, bundle_s=1.0)
    for number in range(6):
        journal.take("t", {0: number}, [news(number)], WANTED)
        made.look()
    wait_until(lambda: bool(sender.got))
    finish(made)
    assert [message.alerts for message in sender.got] == [6]


def test_the_last_of_the_share_tells_of_all_that_wait(journal: Journal) -> None:
    sender = Sender()
    made = delivery(journal, sender, per_minute=3)
    for number in (0, 1):
        journal.take("t", {0: number}, [news(number)], WANTED)
        made.look()
        wait_until(lambda number=number: len(sender.got) == number + 1)  # type: ignore[misc]
    journal.take("t", {0: 9}, [news(number) for number in range(2, 9)], WANTED)
    made.look()
    finish(made)
    assert [message.alerts for message in sender.got] == [1, 1, 7]


def test_the_share_holds_over_restarts_and_what_waits_is_kept(journal: Journal) -> None:
    for number in range(3):
        journal.take("t", {0: number}, [news(number)], WANTED)
        sender = Sender()
        finish(delivery(journal, sender, per_minute=2))
        assert len(sender.got) == (number < 2)
    assert [each.news.subject for each in journal.waiting("a")] == ["s2"]


def test_a_failed_message_is_tried_again_until_it_is_taken(journal: Journal) -> None:
    journal.take("t", {0: 1}, [news(1)], WANTED)
    sender = Sender(refused=2)
    made = delivery(journal, sender)
    wait_until(lambda: journal.states()["a"].failures > 0)
    assert journal.states()["a"].error == "come back later"
    wait_until(lambda: journal.states()["a"].alerts == 1)
    finish(made)
    assert [message.alerts for message in sender.got] == [1]
    state = journal.states()["a"]
    assert (state.failures, state.error, state.waiting) == (2, None, 0)


def test_a_failing_channel_does_not_hold_the_end_up_and_loses_nothing(journal: Journal) -> None:
    journal.take("t", {0: 1}, [news(1)], WANTED)
    finish(delivery(journal, Sender(refused=1_000)))
    assert len(journal.waiting("a")) == 1


def test_a_channel_does_not_wait_for_another(journal: Journal) -> None:
    stuck, well = Sender(), Sender()
    stuck.release.clear()
    both = delivery(journal, stuck, "a"), delivery(journal, well, "b")
    for number in range(5):
        journal.take("t", {0: number}, [news(number)], WANTED)
        for each in both:
            each.look()
    wait_until(lambda: len(well.got) == 5)
    assert not stuck.got
    stuck.release.set()
    finish(*both)
    assert sum(message.alerts for message in stuck.got) == 5


def test_an_error_of_the_world_is_kept_for_the_service(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "gone.db", 3600.0)
    journal.take("t", {0: 1}, [news(1)], WANTED)
    journal.close()
    made = delivery(journal, Sender())
    made.join(30.0)
    assert made.error is not None
