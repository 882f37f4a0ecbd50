"""What a topic of letters holds."""

from __future__ import annotations

import json

from tidemark.deadletters.letters import Letter, shown
from tidemark.deadletters.overview import UNKNOWN, Overview


def letter(offset: int, reason: str | None = "invalid_json", value: bytes | None = b"{") -> Letter:
    return Letter(0, offset, 1_000 * offset, b"k", value, (1, offset), "clicks", reason, "why")


def test_counts_by_reason_and_partition_and_copies_once() -> None:
    overview = Overview("clicks.dlq", ("reason",), 1)
    foreign = Letter(0, 9, None, None, b"from elsewhere", None)
    overview.add([letter(3), letter(5, "too_large"), letter(3), letter(4), foreign])
    found = overview.as_json()
    assert (found["records"], found["copies"]) == (4, 1)
    assert found["by_reason"] == {"invalid_json": 2, "too_large": 1, UNKNOWN: 1}
    assert found["by_partition"] == {"1": 3}
    assert (found["oldest"], found["newest"]) == (
        "1970-01-01T00:00:03.000Z",
        "1970-01-01T00:00:05.000Z",
    )
    assert [sample["offset"] for sample in found["samples"]] == [3, 5, None]
    json.dumps(found)


def test_an_empty_topic_is_a_line() -> None:
    assert Overview("clicks.dlq", ("reason",)).as_text() == ["clicks.dlq: 0 records"]


def test_nothing_that_a_terminal_would_obey_is_printed() -> None:
    overview = Overview("clicks.dlq", ("reason",))
    overview.add([letter(1, "\x1b[2J", b"\x1b]0;title\x07\xff\r\n")])
    text = "\n".join(overview.as_text())
    assert text.replace("\n", "").isprintable()
    assert "\\x1b[2J" in text


def test_long_values_are_cut() -> None:
    text = shown("ü".encode() * 100_000)
    assert len(text) < 160
    assert text.endswith("(200,000 bytes)")
    assert shown(b"short") == "short"


def test_the_rest_of_many_groups_is_summed_up() -> None:
    overview = Overview("clicks.late", ("reason",), 0)
    overview.add(letter(n, f"r{n:02d}") for n in range(25))
    assert "5  in 5 more" in "\n".join(overview.as_text(most=20))


def test_a_record_that_several_pipelines_were_late_for_counts_in_each() -> None:
    overview = Overview("clicks.late", ("window_start", "pipeline"))
    both = (("minutes", "12:00"), ("hours", "12:00"))
    for offset, also in enumerate([(), both]):
        overview.add(
            [Letter(0, 0, None, None, b"", (0, offset), None, None, None, "a", "12:05", None, also)]
        )
    found = overview.as_json()
    assert (found["records"], found["copies"]) == (2, 0)
    assert found["by_pipeline"] == {"a": 2, "minutes": 1, "hours": 1}
    assert found["by_window_start"] == {"12:05": 2, "12:00": 1}
