"""What every section of the tree is made of: the base model and the marks of fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError


class Section(BaseModel):
    """Hold one part of the tree: frozen, strict about types, closed to unknown keys.

    The docstring under each field is its description, in config.yaml and in the documentation.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        validate_default=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )


@dataclass(frozen=True, slots=True)
class Env:
    """Mark a field with a second environment name, the one that other tools use, too.

    With `sole` the variable holds one entry of a list and becomes the whole list.
    """

    name: str
    sole: bool = False


@dataclass(frozen=True, slots=True)
class Expected:
    """Mark a type with the words that say what it takes."""

    text: str


@dataclass(frozen=True, slots=True)
class MayHoldSecret:
    """Mark a field whose value may contain a password: it is redacted, and NAME_FILE works."""


def wrong(expected: str, remedy: str = "") -> PydanticCustomError:
    """Make the error that a validator raises; it becomes a Problem with these words."""
    context: dict[str, Any] = {"expected": expected, "remedy": remedy}
    return PydanticCustomError("tidemark", "{expected}", context)
