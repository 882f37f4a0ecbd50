"""The demo's directory: fresh, its own, and free of the user's settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataflows.catalog import PIPELINES
from generator.command import topics_of
from tidemark.config import load_settings
from tidemark.demo.room import Room, make_room


def test_removes_what_an_earlier_demo_left(tmp_path: Path) -> None:
    for _ in range(2):
        with make_room(tmp_path / "demo") as room:
            assert room.directory == tmp_path / "demo"
            assert list(room.directory.iterdir()) == []
            room.write_config("127.0.0.1:9", 100, None)
            room.store.touch()


def test_touches_nothing_that_no_demo_made(tmp_path: Path) -> None:
    precious = tmp_path / "demo" / "precious"
    precious.parent.mkdir()
    precious.write_text("mine")
    with make_room(tmp_path / "demo") as room:
        assert room.directory != tmp_path / "demo"
        room.directory.rmdir()
    assert precious.read_text() == "mine"


def test_a_second_demo_gets_a_room_of_its_own(tmp_path: Path) -> None:
    with make_room(tmp_path / "demo") as first, make_room(tmp_path / "demo") as second:
        assert first.directory != second.directory
        second.directory.rmdir()


def test_the_configuration_is_valid_and_the_only_one(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.write_config("127.0.0.1:9", 123, 5.0)
    environ = room.environment({"MONGO_URI": "mongodb://x", "TIDEMARK_RUN__PROCESSES": "9"})
    settings = load_settings(environ=environ, dotenv=None)
    assert settings.kafka.bootstrap_servers == "127.0.0.1:9"
    assert settings.generator.wall_rate == pytest.approx(123)
    assert settings.run.processes == 1
    assert [str(url) for url in settings.documents.urls] == ["sqlite:demo.db"]


def test_every_pipeline_runs_and_every_stream_is_sent(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.write_config("127.0.0.1:9", 123, 5.0)
    settings = room.settings()
    assert [name for name, _, _ in settings.pipelines.wanted()] == list(PIPELINES)
    topics = {settings.pipelines.topic_of(name) for name in PIPELINES}
    assert set(topics_of(settings, settings.generator).values()) == topics
