"""What every document store must do, the same for each."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sinks.commands import NewestDocuments, ReplaceDocuments
from tests.sinks.builders import ODD_NAMES, START, fold, window
from tests.sinks.readers import DocumentPlace


def test_a_document_comes_back_as_it_was_stored(documents: DocumentPlace) -> None:
    document = {
        "_id": "interactions/2026-11-22T12:00:10Z",
        "type": "interactions",
        "timestamp": START,
        "window_end": START + timedelta(seconds=10, microseconds=500_000),
        "total": 2**40,
        "share": 0.1 + 0.2,
        "none": None,
        "by_type": {name: number for number, name in enumerate(ODD_NAMES)},
        "top": [{"item_id": "a", "count": 3}, {"item_id": "b", "count": 2}],
        "empty": {},
    }
    store = documents.make()
    store.open()
    store.write([ReplaceDocuments("aggregated_data", [document])])
    store.close()
    assert documents.read("aggregated_data") == {document["_id"]: document}


def test_the_later_document_of_an_id_replaces_the_earlier_one_whole(
    documents: DocumentPlace,
) -> None:
    store = documents.make()
    store.open()
    store.write(
        [
            ReplaceDocuments("things", [{"_id": "a", "old": 1}, {"_id": "b", "n": 1}]),
            ReplaceDocuments("things", [{"_id": "a", "n": 1}, {"_id": "a", "n": 2}]),
        ]
    )
    store.write([ReplaceDocuments("things", [{"_id": "b", "n": 3}])])
    store.close()
    assert documents.read("things") == {"a": {"_id": "a", "n": 2}, "b": {"_id": "b", "n": 3}}


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (9, 10),
        (9.5, 10),
        (START, START + timedelta(seconds=1)),
        (START, START + timedelta(milliseconds=1)),
        (START + timedelta(microseconds=250_000), START + timedelta(seconds=1)),
    ],
)
def test_a_newer_document_is_not_replaced_by_an_older_one(
    documents: DocumentPlace, older: object, newer: object
) -> None:
    store = documents.make()
    store.open()
    store.write([NewestDocuments("status", [{"_id": "p", "at": older, "n": 1}], "at")])
    store.write([NewestDocuments("status", [{"_id": "p", "at": newer, "n": 2}], "at")])
    store.write([NewestDocuments("status", [{"_id": "p", "at": older, "n": 3}], "at")])
    assert documents.read("status")["p"]["n"] == 2
    both = [{"_id": "q", "at": newer, "n": 2}, {"_id": "q", "at": older, "n": 1}]
    store.write([NewestDocuments("status", both, "at")])
    assert documents.read("status")["q"]["n"] == 2
    store.close()


def test_an_equally_new_document_replaces(documents: DocumentPlace) -> None:
    store = documents.make()
    store.open()
    store.write([NewestDocuments("status", [{"_id": "p", "at": 5, "by": {"$a.b": 1}}], "at")])
    store.write([NewestDocuments("status", [{"_id": "p", "at": 5, "by": {"$c.d": 2}}], "at")])
    store.close()
    assert documents.read("status") == {"p": {"_id": "p", "at": 5, "by": {"$c.d": 2}}}


def test_windows_add_up_to_the_aggregate(documents: DocumentPlace) -> None:
    windows = {
        0: {"u1": {"view": 3, "click": 1}, "u2": {"view": 1}},
        1: {"u1": {"view": 1}},
        4: {"u2": {"like": 7}, "u3": {"click": 2}},
    }
    store = documents.make()
    store.open()
    for number, counts in windows.items():
        store.write([window(number, counts)])
    store.close()
    assert documents.read("user_stats") == fold(windows)


def test_windows_of_one_key_in_one_write_are_added_in_order(documents: DocumentPlace) -> None:
    windows = {number: {"u1": {"view": number + 1}, f"u{number}": {"x": 1}} for number in range(9)}
    del windows[1]["u1"]
    store = documents.make()
    store.open()
    store.write([window(number, counts) for number, counts in windows.items()])
    store.close()
    assert documents.read("user_stats") == fold(windows)


def test_key_groups_of_one_window_come_as_commands_of_their_own(documents: DocumentPlace) -> None:
    groups = [{f"u{group}-{n}": {"view": n + 1} for n in range(20)} for group in range(4)]
    whole = {key: counts for group in groups for key, counts in group.items()}
    store = documents.make()
    store.open()
    for number in (0, 1):
        store.write([window(number, group) for group in groups])
    store.close()
    assert documents.read("user_stats") == fold({0: whole, 1: whole})


def test_a_window_sent_again_changes_nothing(documents: DocumentPlace) -> None:
    windows = {number: {"u1": {"view": 1}, f"u{number}": {"x": 1}} for number in range(2, 5)}
    commands = [window(number, counts) for number, counts in windows.items()]
    store = documents.make()
    store.open()
    store.write(commands)
    store.write(commands)
    store.write(commands[1:])
    store.write([commands[0]])
    store.close()
    assert documents.read("user_stats") == fold(windows)


def test_windows_come_together_where_some_keys_have_some_of_them(documents: DocumentPlace) -> None:
    windows = {
        # More names than have columns in SQLite.
        number: {"u1": {"a": number + 1}, f"u{2 + number % 2}": {"b": 1, f"c{number}": 3}}
        for number in range(25)
    }
    commands = [window(number, counts) for number, counts in windows.items()]
    store = documents.make()
    store.open()
    store.write(commands[:9])
    store.write(commands[4:])
    store.write(commands)
    store.close()
    assert documents.read("user_stats") == fold(windows)


def test_a_key_that_comes_twice_in_a_window_has_it_once(documents: DocumentPlace) -> None:
    first, again = {"u1": {"a": 1}, "u2": {"b": 2}}, {"u2": {"b": 9}, "u3": {"a": 4}}
    store = documents.make()
    store.open()
    store.write([window(0, first), window(0, again), window(1, first)])
    store.close()
    assert documents.read("user_stats") == fold({0: {**again, **first}, 1: first})


def test_a_window_that_comes_after_a_later_one_changes_nothing(documents: DocumentPlace) -> None:
    windows = {number: {"u1": {"a": number + 1}} for number in range(3)}
    store = documents.make()
    store.open()
    store.write([window(number, windows[number]) for number in (1, 2, 0, 1)])
    store.close()
    assert documents.read("user_stats") == fold({1: windows[1], 2: windows[2]})


def test_odd_names_and_keys_survive_additions(documents: DocumentPlace) -> None:
    windows = {
        number: {key: {name: number + 1 for name in ODD_NAMES} for key in ODD_NAMES}
        for number in range(3)
    }
    store = documents.make()
    store.open()
    for number, counts in windows.items():
        store.write([window(number, counts, "item_stats")])
    store.close()
    assert documents.read("item_stats") == fold(windows)


def test_more_type_names_than_any_layout_expects(documents: DocumentPlace) -> None:
    windows = {
        number: {"u": {f"type.{n}": n + 1 for n in range(number, 60, number + 1)}, "v": {"t": 1}}
        for number in range(4)
    }
    store = documents.make()
    store.open()
    for number, counts in windows.items():
        store.write([window(number, counts)])
    store.close()
    assert documents.read("user_stats") == fold(windows)


def test_a_store_opened_again_goes_on(documents: DocumentPlace) -> None:
    windows = {number: {"u": {"a": 1, f"b{number}": 1}} for number in range(3)}
    for number, counts in windows.items():
        store = documents.make()
        store.open()
        store.open()
        store.write([window(number, counts)])
        store.close()
        store.close()
    assert documents.read("user_stats") == fold(windows)


def test_writers_in_several_threads(documents: DocumentPlace) -> None:
    windows = {number: {f"u{n}": {"a": n + 1, "b.c": 1} for n in range(40)} for number in range(5)}

    def write(lane: int) -> None:
        store = documents.make()
        store.open()
        for number, counts in windows.items():
            mine = {key: by for key, by in counts.items() if int(key[1:]) % 4 == lane}
            store.write([window(number, mine)])
        store.close()

    threads = [threading.Thread(target=write, args=(lane,)) for lane in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert documents.read("user_stats") == fold(windows)


def test_no_rows_are_fine(documents: DocumentPlace) -> None:
    store = documents.make()
    store.open()
    store.write([])
    store.write([window(0, {}), ReplaceDocuments("things", []), NewestDocuments("s", [], "at")])
    store.flush()
    store.close()
    assert documents.read("user_stats") == {}


def test_a_command_for_another_kind_of_store_is_a_bug(documents: DocumentPlace) -> None:
    from sinks.commands import Record, SendRecords

    store = documents.make()
    store.open()
    with pytest.raises(TypeError, match="SendRecords"):
        store.write([SendRecords([Record("t", None, b"v", ())])])
    store.close()


names = st.sampled_from([*ODD_NAMES, "view", "click", "like"])
keys = st.sampled_from(["u1", "u2", "$u.3"])
of_window = st.dictionaries(
    keys, st.dictionaries(names, st.integers(1, 2**33), min_size=1, max_size=4), max_size=3
)
histories = st.dictionaries(st.integers(0, 30), of_window, min_size=1, max_size=8)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(histories, st.data())
def test_any_history_with_replays_equals_the_pure_fold(
    documents: DocumentPlace, windows: dict[int, dict[str, dict[str, int]]], data: st.DataObject
) -> None:
    # A collection of its own for each example: servers are slow to make databases.
    _examples.append(None)
    collection = f"history_{len(_examples)}"
    ordered = [window(number, windows[number], collection) for number in sorted(windows)]
    crash = data.draw(st.integers(0, len(ordered)))
    resume = data.draw(st.integers(0, crash))
    together = data.draw(st.integers(1, 4))
    store = documents.make()
    store.open()
    sent = [window(0, {}, collection), *ordered[:crash], *ordered[resume:]]
    for first in range(0, len(sent), together):
        store.write(sent[first : first + together])
    store.write(ordered[resume:])
    store.close()
    held = documents.read(collection)
    expected = fold(windows)
    for key, document in expected.items():
        # SQLite prints 15 digits.
        document["avg_per_window"] = pytest.approx(document["avg_per_window"], rel=1e-14)
        assert held[key] == document
    assert held.keys() == expected.keys()


_examples: list[None] = []
