"""Moments that people type: ISO-8601, UTC unless they say otherwise."""

from __future__ import annotations

from datetime import UTC, datetime

from tidemark.errors import EXIT_USAGE, TidemarkError


class NotAMoment(TidemarkError):
    """The text is no ISO-8601 date or time."""

    exit_code = EXIT_USAGE


def parse_moment(text: str, option: str) -> datetime:
    """Return the moment in UTC; without an offset it is taken as UTC.

    Raises NotAMoment, which names the `option` that the text was given to.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise NotAMoment(
            f"{option}: {text!r} is no ISO-8601 date or time",
            remedy="write it like 2026-11-22T12:00:00Z",
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def iso_ms(timestamp_ms: int | None) -> str | None:
    """Return milliseconds since the epoch as ISO-8601 with Z."""
    if timestamp_ms is None:
        return None
    moment = datetime.fromtimestamp(timestamp_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
