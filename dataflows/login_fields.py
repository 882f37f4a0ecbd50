"""The fields of a login as it is sent on: what was of no use in them is `unknown`, as it counts."""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import itemgetter
from typing import Any, TypeAlias

import msgspec

from dataflows.streaming.schema import UNKNOWN

Fields: TypeAlias = dict[str, Any]
"""A login; fields that were not looked at are `msgspec.Raw`, byte for byte as they came."""

LABELS = ("user_id", "device_type", "app_version", "locale", "device_id", "ip")

_labels_of: Callable[[Fields], tuple[msgspec.Raw, ...]] = itemgetter(*LABELS)
_decode_text = msgspec.json.Decoder(str).decode
_INTEGER = re.compile(rb"-?\d+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Completer:
    """Puts usable text of at most `max_length` characters into each of the `LABELS` of a login."""

    def __init__(self, max_length: int) -> None:
        self._max_length = max_length
        # Printable ASCII without an escape is good as it stands. One look at all labels at once.
        plain = rb'"[ !#-\[\]-~]{1,%d}"' % max_length
        self._are_plain = re.compile(b",".join([plain] * len(LABELS))).fullmatch

    def complete(self, login: Fields) -> bytes:
        """Complete a login in place; return its user, the record's key.

        An integer becomes its decimal text. What is missing, of another type, too long or has a
        control character becomes `unknown`.
        """
        try:
            labels = _labels_of(login)
            if self._are_plain(b",".join(labels)):
                return bytes(labels[0])[1:-1]
        except KeyError:
            pass  # one of them is missing
        login.update({name: self._usable(login.get(name)) for name in LABELS})
        return str(login["user_id"]).encode()

    def _usable(self, raw: msgspec.Raw | None) -> str:
        text = text_of(raw)
        if not text or len(text) > self._max_length or _CONTROL.search(text):
            return UNKNOWN
        return text


def text_of(raw: msgspec.Raw | None) -> str | None:
    """Return a value that can be a name as text: a string, or an integer's digits."""
    value = b"" if raw is None else bytes(raw)
    if value.startswith(b'"'):
        return _decode_text(value)
    if not _INTEGER.fullmatch(value):
        return None
    return "0" if value == b"-0" else value.decode()
