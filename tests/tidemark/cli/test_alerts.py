"""`tidemark alerts`: testing who is told, and seeing what is open."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sinks.commands import ReplaceDocuments
from sinks.sqlite import SQLiteStore
from tests.support.people import mailbox, webhook
from tests.support.servers.ports import free_port
from tests.tidemark.cli.commands import tidemark

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_each_channel_gets_one_message_and_all_is_well(tmp_path: Path) -> None:
    with webhook() as hook, mailbox() as mail:
        done = tidemark(tmp_path, "alerts", "test", NOTIFY_URLS=f"hook={hook.url} post={mail.url}")
        assert (done.returncode, done.stdout) == (0, "hook  ok\npost  ok\n")
        for name, people in (("hook", hook), ("post", mail)):
            (text,) = people.got
            assert text.startswith("Tidemark: test\n")
            assert f"channel {name}" in text


def test_a_channel_that_fails_is_told_with_its_reason(tmp_path: Path) -> None:
    nobody = f"json://me:open-sesame@127.0.0.1:{free_port()}"
    with webhook() as hook:
        urls = f"hook={hook.url} nobody={nobody}"
        done = tidemark(tmp_path, "alerts", "test", NOTIFY_URLS=urls)
        assert len(hook.got) == 1
    assert done.returncode == 1
    good, bad = done.stdout.splitlines()
    assert good == "hook    ok"
    assert bad.startswith("nobody  failed: ")
    assert "open-sesame" not in done.stdout + done.stderr


def test_one_channel_may_be_chosen(tmp_path: Path) -> None:
    with webhook() as hook, webhook() as other:
        urls = f"a={hook.url} b={other.url}"
        done = tidemark(tmp_path, "alerts", "test", "--channel", "b", NOTIFY_URLS=urls)
        assert (done.returncode, len(hook.got), len(other.got)) == (0, 0, 1)
        done = tidemark(tmp_path, "alerts", "test", "--channel", "c", NOTIFY_URLS=urls)
        assert done.returncode == 2
        assert done.stderr == "no channel c; there are: a, b\n"


def test_urls_may_come_from_a_file(tmp_path: Path) -> None:
    with webhook() as hook:
        (tmp_path / "urls").write_text(f"# on duty\nops={hook.url}\n")
        done = tidemark(tmp_path, "alerts", "test", NOTIFY_URLS_FILE="urls")
        assert done.stdout == "ops  ok\n"


def test_without_channels_it_says_what_to_set(tmp_path: Path) -> None:
    done = tidemark(tmp_path, "alerts", "test")
    assert done.returncode == 2
    assert "NOTIFY_URLS" in done.stderr


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """Three begins and an end in a store."""
    store = SQLiteStore(tmp_path / "var" / "tidemark.db", 10.0)
    (tmp_path / "var").mkdir()
    store.open()
    documents = [
        {
            "_id": f"spike/{subject}/{state}{second}",
            "rule": "spike",
            "severity": "critical",
            "subject": subject,
            "state": state,
            "value": 9,
            "threshold": 5,
            "timestamp": START + timedelta(seconds=second),
            "message": f"{subject} is at 9",
        }
        for subject, state, second in (
            ("i1", "begin", 0),
            ("i1", "end", 10),
            ("i2", "begin", 20),
            ("i1", "begin", 30),
        )
    ]
    store.write([ReplaceDocuments("alerts", documents)])
    store.close()
    return tmp_path


def test_open_alerts_are_listed_newest_first(stored: Path) -> None:
    done = tidemark(stored, "alerts", "list")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "critical  2026-03-01T12:00:30Z  spike  i1  i1 is at 9",
        "critical  2026-03-01T12:00:20Z  spike  i2  i2 is at 9",
    ]


def test_past_alerts_are_listed_on_request(stored: Path) -> None:
    done = tidemark(stored, "alerts", "list", "--past", "5", "--json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(each["subject"], each["state"], each["ended"]) for each in found] == [
        ("i1", "open", None),
        ("i2", "open", None),
        ("i1", "ended", "2026-03-01T12:00:10Z"),
    ]
