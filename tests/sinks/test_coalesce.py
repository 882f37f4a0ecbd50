"""Joining commands keeps their effect."""

from __future__ import annotations

from sinks.coalesce import coalesce
from sinks.commands import (
    AccumulateWindow,
    NewestDocuments,
    Point,
    Record,
    ReplaceDocuments,
    SendRecords,
    WritePoints,
)
from tests.sinks.builders import START, window


def test_replacing_neighbours_join_and_the_last_of_an_id_stays() -> None:
    commands = [
        ReplaceDocuments("a", [{"_id": "1", "n": 1}, {"_id": "2", "n": 1}]),
        ReplaceDocuments("a", [{"_id": "1", "n": 2}]),
        ReplaceDocuments("b", [{"_id": "1", "n": 3}]),
    ]
    assert coalesce(commands) == [
        ReplaceDocuments("a", [{"_id": "1", "n": 2}, {"_id": "2", "n": 1}]),
        ReplaceDocuments("b", [{"_id": "1", "n": 3}]),
    ]


def test_key_groups_of_a_window_join() -> None:
    (joined,) = coalesce([window(1, {"a": {"x": 1}}), window(1, {"b": {"x": 2}})])
    assert isinstance(joined, AccumulateWindow)
    assert joined.counts.rows() == [("a", "x", 1), ("b", "x", 2)]


def test_two_windows_or_collections_never_join() -> None:
    commands = [
        window(1, {"a": {"x": 1}}),
        window(2, {"b": {"x": 1}}),
        window(2, {"c": {"x": 1}}, "item_stats"),
    ]
    assert coalesce(commands) == commands


def test_a_window_sent_twice_stays_two_commands() -> None:
    commands = [window(1, {"a": {"x": 1}}), window(1, {"a": {"x": 1}, "b": {"x": 1}})]
    assert coalesce(commands) == commands


def test_the_newest_of_an_id_stays_whatever_its_place() -> None:
    documents = [{"_id": "1", "at": 2}, {"_id": "1", "at": 1}, {"_id": "2", "at": 1, "n": 1}]
    documents.append({"_id": "2", "at": 1, "n": 2})
    (kept,) = coalesce([NewestDocuments("a", documents, "at")])
    assert isinstance(kept, NewestDocuments)
    assert kept.documents == [{"_id": "1", "at": 2}, {"_id": "2", "at": 1, "n": 2}]


def test_points_and_records_join_in_order() -> None:
    points = [Point("m", START, {}, {"n": n}) for n in range(3)]
    records = [Record("t", None, bytes([n]), ()) for n in range(3)]
    assert coalesce([WritePoints(points[:1]), WritePoints(points[1:])]) == [WritePoints(points)]
    assert coalesce([SendRecords(records[:2]), SendRecords(records[2:])]) == [SendRecords(records)]
