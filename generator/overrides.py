"""Put flags over the `generator:` part of the configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import yaml
from pydantic import ValidationError

from generator.settings import GeneratorSettings
from tidemark.errors import ConfigError, Problem

ORIGIN: Final = "command line"
_WAYS: Final[Mapping[str, tuple[str, ...]]] = {
    "rate": ("rate", "interval_s"),
    "speed": ("speed",),
    "event_rate": ("event_rate",),
}
_UNSET: Final[Mapping[str, Any]] = {
    "rate": None,
    "interval_s": None,
    "speed": 1.0,
    "event_rate": None,
}


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Read `path=value` texts; the value is YAML. Raises ConfigError for all bad ones at once."""
    values: dict[str, Any] = {}
    problems = []
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        try:
            values[path.strip().removeprefix("generator.")] = yaml.safe_load(text)
        except yaml.YAMLError:
            equals = ""
        if not equals or not path.strip():
            problems.append(Problem("--set", assignment, "PATH=VALUE, value in YAML", "", ORIGIN))
    if problems:
        raise ConfigError(problems)
    return values


def override(settings: GeneratorSettings, values: Mapping[str, Any]) -> GeneratorSettings:
    """Return the settings with others of these dotted paths; None counts as a value.

    A flag that says how fast to send takes the place of a configured one that says it in another
    way. Raises ConfigError with every problem.
    """
    tree = settings.model_dump()
    for path, value in {**values, **_implied(values)}.items():
        *sections, name = path.split(".")
        part = tree
        for section in sections:
            inner = part.get(section)
            part[section] = part = inner if isinstance(inner, dict) else {}
        part[name] = value
    try:
        return GeneratorSettings.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(
            Problem(
                ".".join(["generator", *(str(part) for part in found["loc"])]),
                "" if isinstance(found["input"], Mapping) else repr(found["input"]),
                found["msg"].removeprefix("Value error, "),
                "",
                ORIGIN,
            )
            for found in error.errors(include_url=False)
        ) from error


def _implied(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the flags imply for the settings of pace beside them.

    Two of rate, speed and event_rate determine the third; as fast as possible has no speed.
    """
    said = {name for name, ways in _WAYS.items() if any(way in values for way in ways)}
    implied = {way: _UNSET[way] for name in said for way in _WAYS[name] if way not in values}
    speed, event_rate = values.get("speed"), values.get("event_rate")
    if said == {"speed", "event_rate"}:
        if isinstance(speed, int | float) and isinstance(event_rate, int | float):
            implied = {"rate": speed * event_rate, "interval_s": None, "speed": 1.0}
    elif "event_rate" in said or values.get("rate", 0) is None:
        implied["speed"] = 1.0
    elif "speed" in said:
        implied["event_rate"] = None
    return implied
