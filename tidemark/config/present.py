"""Write the effective settings for people and programs, secrets redacted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from tidemark.config.load import DEFAULT_ORIGIN, Loaded
from tidemark.config.tree import Leaf, leaves
from tidemark.redaction import REDACTED, redact, redact_url


@dataclass(frozen=True, slots=True)
class Row:
    """One setting as it is in effect."""

    leaf: Leaf
    value: Any
    origin: str

    @property
    def is_default(self) -> bool:
        """Tell whether nothing but the default gave the value."""
        return self.origin == DEFAULT_ORIGIN


def rows(loaded: Loaded) -> Iterator[Row]:
    """Yield every setting in the order of the tree."""
    for route, leaf in leaves().items():
        value: Any = loaded.settings
        for name in route:
            value = getattr(value, name)
        yield Row(leaf, value, redact(loaded.origins[route]))


def shown_value(row: Row) -> str:
    """Return the value on one line, secrets redacted."""
    value = plain(row.value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def plain(value: Any) -> Any:
    """Return a value as JSON and YAML know it, secrets redacted."""
    match value:
        case None | bool() | int() | float():
            return value
        case SecretStr():
            return REDACTED
        case str():
            return redact(redact_url(str(value)))
        case Path():
            return redact(str(value))
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case BaseModel():
            return {name: plain(getattr(value, name)) for name in type(value).model_fields}
        case dict():
            return {str(k): plain(v) for k, v in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(item) for item in value]
    return redact(str(value))
