from __future__ import annotations

from typing import Any

from dashboard.alerting import pair


def alert(state: str, at: int, subject: str = "s") -> dict[str, Any]:
    return {
        "_id": f"r/{subject}/{state}/{at}",
        "rule": "r",
        "subject": subject,
        "severity": "warning",
        "message": "m",
        "value": 1,
        "threshold": 2,
        "timestamp": at,
        "state": state,
    }


def test_what_began_and_did_not_end_is_open() -> None:
    open_, past = pair([alert("begin", 10), alert("begin", 20, "other"), alert("end", 30, "other")])
    assert [(one.subject, one.began_ms, one.ended_ms) for one in open_] == [("s", 10, None)]
    assert [(one.subject, one.began_ms, one.ended_ms) for one in past] == [("other", 20, 30)]


def test_the_order_of_the_documents_does_not_matter_nor_do_copies() -> None:
    documents = [alert("begin", 10), alert("end", 30), alert("begin", 40)]
    expected = pair(documents)
    assert pair([*reversed(documents), *documents]) == expected
    assert [one.began_ms for one in expected[0]] == [40]


def test_an_end_whose_beginning_was_not_read_is_past() -> None:
    open_, past = pair([alert("end", 30)])
    assert open_ == []
    assert [(one.began_ms, one.ended_ms) for one in past] == [(None, 30)]


def test_an_alert_that_ends_and_begins_in_one_window_is_open() -> None:
    open_, past = pair([alert("begin", 10), alert("begin", 30), alert("end", 30)])
    assert [one.began_ms for one in open_] == [30]
    assert [one.began_ms for one in past] == [10]


def test_one_that_begins_twice_is_open_since_the_first() -> None:
    open_, _ = pair([alert("begin", 10), alert("begin", 30)])
    assert [one.began_ms for one in open_] == [10]
