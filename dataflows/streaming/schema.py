"""What a topic's records look like: a struct with one line a field.

    class Sale(Event):
        product_id: Id
        quantity: Whole
        total_amount: Money
        timestamp: Timestamp
        category: Label = UNKNOWN

Unknown fields of a record are allowed and ignored. Columns of ids, names, labels and other texts
are String; those of numbers are Int64: whole numbers as they are, money in cents.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, cast, get_type_hints

import msgspec

UNKNOWN = "unknown"
"""What a label is where it is missing."""


class Role(StrEnum):
    """What a field is used for; it decides how the field is checked."""

    ID = "id"
    NAME = "name"
    LABEL = "label"
    OPTIONAL = "optional"
    WHOLE = "whole"
    MONEY = "money"
    OPTIONAL_MONEY = "optional_money"
    TIMESTAMP = "timestamp"

    @property
    def is_number(self) -> bool:
        """Whether its column is Int64."""
        return self in (Role.WHOLE, Role.MONEY, Role.OPTIONAL_MONEY)

    @property
    def is_optional(self) -> bool:
        """Whether a record without it is valid."""
        return self in (Role.LABEL, Role.OPTIONAL, Role.OPTIONAL_MONEY)


Id = Annotated[str | int, msgspec.Meta(extra={"role": Role.ID})]
"""An identifier: a non-empty string without control characters; an integer is its decimal text."""

Name = Annotated[str | int, msgspec.Meta(extra={"role": Role.NAME})]
"""A category name: checked as an id is; its distinct values are capped."""

Label = Annotated[Any, msgspec.Meta(extra={"role": Role.LABEL})]
"""A category name that may be missing or wrong, or one too many: then it is the default."""

Optional = Annotated[Any, msgspec.Meta(extra={"role": Role.OPTIONAL})]
"""A text that may be missing or wrong: then it is the default, which the schema must give."""

Whole = Annotated[int | float, msgspec.Meta(extra={"role": Role.WHOLE})]
"""A whole number; 2.0 is one, too."""

Money = Annotated[int | float, msgspec.Meta(extra={"role": Role.MONEY})]
"""An amount; its column is in cents, rounded to the nearest."""

OptionalMoney = Annotated[Any, msgspec.Meta(extra={"role": Role.OPTIONAL_MONEY})]
"""An amount that may be missing or wrong: then it is the default, a number of cents."""

Timestamp = Annotated[str | int | float, msgspec.Meta(extra={"role": Role.TIMESTAMP})]
"""The event time, in any of the forms that `timestamps` reads. One per schema."""


class Event(msgspec.Struct, gc=False, kw_only=True):
    """Base of all topic schemas."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a schema. `default` is what an optional one is where it is missing."""

    name: str
    role: Role
    default: Any = None

    @property
    def is_expected(self) -> bool:
        """Whether its absence is worth a warning: a default that says `unknown` stands in."""
        return self.role.is_optional and self.default not in ("", 0)


def fields_of(schema: type[Event]) -> tuple[Field, ...]:
    """List the fields of `schema` in order.

    Raises:
        TypeError: a field has no role, an optional one has no default, or there is not exactly one
            timestamp.
    """
    hints = get_type_hints(schema, include_extras=True)
    defaults = {
        field.name: field.default
        for field in msgspec.structs.fields(schema)
        if field.default is not msgspec.NODEFAULT
    }
    fields = []
    for name in schema.__struct_fields__:
        role = _role_of(hints[name])
        if role is None:
            raise TypeError(
                f"{schema.__name__}.{name}: use a type of dataflows.streaming.schema, such as Id"
            )
        default = defaults.get(name)
        wanted = int if role.is_number else str
        if role.is_optional and type(default) is not wanted:
            what = "a number of cents" if role.is_number else "a text"
            raise TypeError(f"{schema.__name__}.{name}: give it {what} as its default")
        fields.append(Field(name, role, default))
    if sum(field.role is Role.TIMESTAMP for field in fields) != 1:
        raise TypeError(f"{schema.__name__}: exactly one field must be a Timestamp")
    return tuple(fields)


def parsed_as(schema: type[Event], wanted: Collection[str], optional: Any = Any) -> type[Event]:
    """Return the schema as records are parsed: of the optional fields only the wanted ones.

    What is not a field is not decoded; which records are valid does not change by it. An optional
    field that is absent is None, as one that is null. `optional` is the type of those fields.
    """
    hints = get_type_hints(schema, include_extras=True)
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for field in fields_of(schema):
        if not field.role.is_optional:
            fields.append((field.name, hints[field.name]))
        elif field.name in wanted:
            fields.append((field.name, optional, None))
    parsed = msgspec.defstruct(schema.__name__, fields, bases=(Event,), kw_only=True, gc=False)
    return cast(type[Event], parsed)


def _role_of(hint: object) -> Role | None:
    metadata = getattr(hint, "__metadata__", ())
    roles = [m.extra["role"] for m in metadata if isinstance(m, msgspec.Meta) and m.extra]
    return roles[0] if len(roles) == 1 else None
