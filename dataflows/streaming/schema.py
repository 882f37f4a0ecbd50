"""What a topic's records look like: a struct with one line a field.

    class Interaction(Event):
        user_id: Id
        interaction_type: Name
        timestamp: Timestamp

Unknown fields of a record are allowed and ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, get_type_hints

import msgspec


class Role(StrEnum):
    """What a field is used for; it decides how the field is checked."""

    ID = "id"
    NAME = "name"
    OPTIONAL = "optional"
    TIMESTAMP = "timestamp"


Id = Annotated[str | int, msgspec.Meta(extra={"role": Role.ID})]
"""An identifier: a non-empty string without control characters; an integer is its decimal text."""

Name = Annotated[str | int, msgspec.Meta(extra={"role": Role.NAME})]
"""A category name: checked as an id is; its distinct values are capped."""

Optional = Annotated[Any, msgspec.Meta(extra={"role": Role.OPTIONAL})]
"""A text that may be missing or wrong: then it is the default, which the schema must give."""

Timestamp = Annotated[str | int | float, msgspec.Meta(extra={"role": Role.TIMESTAMP})]
"""The event time, in any of the forms that `timestamps` reads. One per schema."""


class Event(msgspec.Struct, gc=False, kw_only=True):
    """Base of all topic schemas."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a schema."""

    name: str
    role: Role
    default: str = ""
    """What an optional field is where it is missing."""


def fields_of(schema: type[Event]) -> tuple[Field, ...]:
    """List the fields of `schema` in order.

    Raises:
        TypeError: a field has no role, or there is not exactly one timestamp.
    """
    hints = get_type_hints(schema, include_extras=True)
    defaults = {
        field.name: field.default
        for field in msgspec.structs.fields(schema)
        if field.default is not msgspec.NODEFAULT
    }
    fields = []
    for name in schema.__struct_fields__:
        metadata = getattr(hints[name], "__metadata__", ())
        roles = [m.extra["role"] for m in metadata if isinstance(m, msgspec.Meta) and m.extra]
        if len(roles) != 1:
            raise TypeError(
                f"{schema.__name__}.{name}: use Id, Name, Optional or Timestamp as its type"
            )
        default = defaults.get(name, "")
        if not isinstance(default, str) or (roles[0] is Role.OPTIONAL and name not in defaults):
            raise TypeError(f"{schema.__name__}.{name}: give it a text as its default")
        fields.append(Field(name, roles[0], default))
    if sum(field.role is Role.TIMESTAMP for field in fields) != 1:
        raise TypeError(f"{schema.__name__}: exactly one field must be a Timestamp")
    return tuple(fields)
