"""Walk the tree of settings: its leaves, their environment names, what they expect."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import annotated_types
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from tidemark.config.base import Env, Expected, MayHoldSecret
from tidemark.config.settings import Settings

Route = tuple[str | int, ...]
PREFIX = "TIDEMARK_"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One setting: where it is, what it takes, how the environment calls it."""

    route: tuple[str, ...]
    field: FieldInfo
    env: Env | None
    secret: bool
    """The value is a secret as a whole, never taken from config.yaml."""
    may_hold_secret: bool
    """The value may contain a secret, such as an address with a password."""

    @property
    def path(self) -> str:
        """Return the dotted path, as in `engine.key_groups`."""
        return ".".join(self.route)

    @property
    def env_name(self) -> str:
        """Return the environment name that every setting has."""
        return PREFIX + "__".join(self.route).upper()

    @property
    def env_names(self) -> tuple[str, ...]:
        """Return all environment names, the one to recommend first."""
        return (self.env.name, self.env_name) if self.env else (self.env_name,)

    @property
    def from_file(self) -> bool:
        """Tell whether NAME_FILE may name a file that holds the value."""
        return self.secret or self.may_hold_secret

    @property
    def expected(self) -> str:
        """Say in words what the setting takes."""
        return describe(self.field.annotation, self.field.metadata)

    @property
    def default(self) -> Any:
        """Return the default value."""
        return self.field.get_default(call_default_factory=True)


def sections(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """Return the fields of a model that are sections themselves."""
    return {
        name: field.annotation
        for name, field in model.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }


def walk(model: type[BaseModel], route: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Yield every setting below a model, in the order of the tree."""
    inner = sections(model)
    for name, field in model.model_fields.items():
        here = (*route, name)
        if name in inner:
            yield from walk(inner[name], here)
            continue
        env = next((mark for mark in field.metadata if isinstance(mark, Env)), None)
        marked = any(isinstance(mark, MayHoldSecret) for mark in field.metadata)
        yield Leaf(here, field, env, SecretStr in _members(field.annotation), marked)


@cache
def leaves() -> dict[tuple[str, ...], Leaf]:
    """Return every setting of Tidemark by its route."""
    return {leaf.route: leaf for leaf in walk(Settings)}


def model_at(route: Route) -> type[BaseModel] | None:
    """Return the section at a route, None if there is no section."""
    model: type[BaseModel] | None = Settings
    for name in route:
        model = sections(model).get(str(name)) if model is not None else None
    return model


def dotted(route: Route) -> str:
    """Write a route for people: `documents.urls[0]`."""
    text = ""
    for part in route:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def takes(annotation: Any, kind: type) -> bool:
    """Tell whether a value of this type is one of those that an annotation allows."""
    return any(
        isinstance(member, type) and issubclass(member, kind) for member in _members(annotation)
    )


def describe(annotation: Any, marks: typing.Sequence[Any] = ()) -> str:
    """Say in words what a type takes."""
    said = next((mark.text for mark in marks if isinstance(mark, Expected)), None)
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin is typing.Annotated:
        return describe(arguments[0], [*arguments[1:], *marks])
    if origin in (typing.Union, types.UnionType):
        some = [describe(member, marks) for member in arguments if member is not type(None)]
        return " or ".join(["null", *some] if type(None) in arguments else some)
    if said is not None:
        return said
    if origin is typing.Literal:
        return ("one of " if len(arguments) > 1 else "") + ", ".join(map(str, arguments))
    if origin in (tuple, list):
        return f"a list; each entry {describe(arguments[0])}"
    if origin is dict:
        return f"a mapping of names; each value {describe(arguments[1])}"
    return _WORDS.get(annotation, "a value") + _limits(marks)


_WORDS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    SecretStr: "text, from the environment or a file only",
    Path: "a path",
    datetime: "a time such as 2026-11-22T12:00:00Z",
}


def _limits(marks: typing.Sequence[Any]) -> str:
    """Say the bounds of a number or the length of a text."""
    low: Any = None
    high: Any = None
    words = []
    for mark in _flat(marks):
        match mark:
            case annotated_types.Ge(ge=bound):
                low = bound
            case annotated_types.Le(le=bound):
                high = bound
            case annotated_types.Gt(gt=bound):
                words.append(f"above {bound:g}")
            case annotated_types.Lt(lt=bound):
                words.append(f"below {bound}")
            case annotated_types.MinLen(min_length=1):
                words.append("not empty")
            case annotated_types.MaxLen(max_length=bound):
                words.append(f"at most {bound} characters")
    if low is not None and high is not None:
        return f" from {_number(low)} to {_number(high)}"
    if low is not None:
        words.insert(0, f"{_number(low)} or more")
    if high is not None:
        words.append(f"at most {_number(high)}")
    return "".join(f", {word}" for word in words)


def _number(bound: Any) -> str:
    return str(int(bound)) if bound == int(bound) else str(bound)


def _flat(marks: typing.Sequence[Any]) -> Iterator[Any]:
    """Yield marks; those inside a Field(...) of an Annotated are one level deeper."""
    for mark in marks:
        if isinstance(mark, FieldInfo):
            yield from mark.metadata
        else:
            yield mark


def _members(annotation: Any) -> tuple[Any, ...]:
    """Return the plain types of a union, without their marks."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _members(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return tuple(m for arg in typing.get_args(annotation) for m in _members(arg))
    return (origin or annotation,)
