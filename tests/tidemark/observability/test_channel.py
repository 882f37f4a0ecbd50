"""Questions and answers between two ends of a socket pair."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from tidemark.observability.channel import Channel, Silent, answer


@pytest.fixture
def channel() -> Iterator[Channel]:
    made = Channel()
    yield made
    made.close()


def test_each_question_gets_the_text_of_its_time(channel: Channel) -> None:
    texts = iter([b"one", b"two"])
    answer(os.dup(channel.fd), lambda: next(texts))
    channel.started()
    assert channel.ask() == "one"
    assert channel.ask() == "two"


def test_an_answer_larger_than_a_buffer_comes_whole(channel: Channel) -> None:
    text = b"x" * 5_000_000
    answer(os.dup(channel.fd), lambda: text)
    channel.started()
    assert len(channel.ask(10.0)) == len(text)


def test_an_answer_that_came_too_late_is_not_taken_for_the_next(channel: Channel) -> None:
    go_on = threading.Event()
    texts = iter([b"late", b"in time"])

    def text() -> bytes:
        told = next(texts)
        if told == b"late":
            go_on.wait(30)
        return told

    answer(os.dup(channel.fd), text)
    channel.started()
    with pytest.raises(Silent):
        channel.ask(0.05)
    go_on.set()
    assert channel.ask(10.0) == "in time"


def test_a_worker_that_has_gone_is_silent(channel: Channel) -> None:
    channel.started()
    with pytest.raises(Silent):
        channel.ask()


def test_many_may_ask_at_once(channel: Channel) -> None:
    answer(os.dup(channel.fd), lambda: b"text")
    channel.started()
    heard: list[str] = []
    threads = [threading.Thread(target=lambda: heard.append(channel.ask(10.0))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == ["text"] * 8
