"""Turn what is wrong with a configuration into problems that a user can act on."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import yaml
from pydantic import ValidationError

from tidemark.config.parsing import parse
from tidemark.config.tree import Leaf, Route, dotted, leaves, model_at, takes
from tidemark.errors import Problem
from tidemark.redaction import REDACTED, names_a_secret, redact, redact_url

_LONGEST_SHOWN = 120
_KEY_OF_A_MAPPING = "[key]"
_USER_AT_HOST = re.compile(r"[^\s,:/@]+:[^\s,/][^\s,]*@")
"""In an address that should be host:port: with :// it is an address of another kind."""


def shown(value: Any, leaf: Leaf | None = None) -> str:
    """Write a value for a message: as YAML on one line, secrets redacted, long ones cut."""
    if leaf is not None and (leaf.secret or _is_torn(value, leaf)):
        return REDACTED if value is not None else "null"
    plain = _redacted(value, leaf is not None and leaf.may_hold_secret)
    if isinstance(plain, str):
        text = plain if plain == REDACTED else repr(plain)
    else:
        text = yaml.safe_dump(plain, default_flow_style=True, width=10**6, allow_unicode=True)
        text = text.removesuffix("...\n").strip()
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def _is_torn(value: Any, leaf: Leaf) -> bool:
    """Tell whether text came where a mapping should be: what in it is a secret, no key can say."""
    return isinstance(value, str) and takes(leaf.field.annotation, dict)


def _redacted(value: Any, should_be_address: bool) -> Any:
    match value:
        case str():
            # What is no address at all may be a bare password in the wrong variable or file.
            is_one = "://" in value or value.startswith(("sqlite:", "null:"))
            if should_be_address and not is_one:
                return REDACTED
            return redact(redact_url(_USER_AT_HOST.sub(f"{REDACTED}@", value)))
        case Mapping():
            return {
                str(k): REDACTED if names_a_secret(str(k)) else _redacted(v, should_be_address)
                for k, v in value.items()
            }
        case list() | tuple():
            return [_redacted(item, should_be_address) for item in value]
        case bool() | int() | float() | None:
            return value
    return str(value)


def suggestion(route: Route) -> str:
    """Return the remedy for a key that no section knows."""
    name = str(route[-1])
    model = model_at(route[:-1])
    siblings = list(model.model_fields) if model is not None else []
    close = difflib.get_close_matches(name.lower().replace("-", "_"), siblings, n=1)
    if close:
        return f"did you mean {dotted((*route[:-1], close[0]))}?"
    elsewhere = [leaf.path for leaf in leaves().values() if leaf.route[-1] == name]
    if elsewhere:
        return f"did you mean {' or '.join(elsewhere)}?"
    return "remove it; known here: " + ", ".join(siblings) if siblings else "remove it"


def from_validation(
    error: ValidationError, origin_of: Callable[[Route], str], refused: Collection[Route] = ()
) -> Iterable[Problem]:
    """Yield one problem for each error of pydantic's; values of secrets are never in them.

    `refused` are settings that were taken out because something else was wrong with them.
    """
    for found in error.errors(include_url=False):
        route: Route = tuple(found["loc"])
        if route in refused:
            continue
        context = found.get("ctx", {})
        if route and route[-1] == _KEY_OF_A_MAPPING:
            route = route[:-1]
            value = ""
        elif found["type"] == "extra_forbidden":
            value = ""
        elif any(names_a_secret(str(part)) for part in _inside(route)):
            value = REDACTED
        else:
            value = shown(found["input"], _leaf(route))
            if isinstance(found["input"], Mapping) and model_at(route) is not None:
                value = ""
        expected, remedy = _words(found["type"], found["msg"], context, route)
        remedy = remedy or _unquoted(found["input"], _leaf(route))
        yield Problem(dotted(route), value, expected, remedy, origin_of(route))


def _words(kind: str, message: str, context: Mapping[str, Any], route: Route) -> tuple[str, str]:
    if kind == "tidemark":
        return str(context["expected"]), str(context["remedy"])
    if kind == "value_error":
        return message.removeprefix("Value error, "), ""
    if kind == "extra_forbidden":
        return "a known setting", suggestion(route)
    leaf = _leaf(route)
    if leaf is None:
        return message, ""
    if leaf.route != route:
        # Inside a list or a mapping the words of pydantic are closer to the entry.
        return f"{leaf.expected} ({message})", ""
    return leaf.expected, ""


def _unquoted(value: Any, leaf: Leaf | None) -> str:
    """Return the remedy for a number or a truth that YAML has read as text."""
    if leaf is None or not isinstance(value, str) or leaf.secret:
        return ""
    parsed = parse(leaf, value)
    return f"write {shown(parsed)} without quotes" if isinstance(parsed, bool | int | float) else ""


def _inside(route: Route) -> Route:
    """Return what of a route is inside a setting: the keys of its mapping, the places in a list."""
    leaf = _leaf(route)
    return route[len(leaf.route) :] if leaf is not None else ()


def _leaf(route: Route) -> Leaf | None:
    """Return the setting that a route leads to or into."""
    known = leaves()
    for end in range(len(route), 0, -1):
        leaf = known.get(tuple(str(part) for part in route[:end]))
        if leaf is not None:
            return leaf
    return None
