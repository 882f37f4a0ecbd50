"""Load settings from their layers: default < config.yaml < .env < environment.

A layer replaces a setting as a whole; nothing of a list or a mapping is merged.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tidemark.config.environment import Given, read_dotenv, read_environment
from tidemark.config.problems import from_validation
from tidemark.config.settings import Settings
from tidemark.config.tree import Route, leaves
from tidemark.config.yaml_file import YamlFile, read_yaml
from tidemark.errors import ConfigError, Problem
from tidemark.redaction import Redactor, redact, secrets_in_url

_CONFIG_NAME = "TIDEMARK_CONFIG"
DEFAULT_ORIGIN = "default"


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, where each of them is from, and which file was read."""

    settings: Settings
    origins: Mapping[tuple[str, ...], str]
    file: Path | None


def load_settings(
    path: Path | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    dotenv: Path | None = Path(".env"),
) -> Settings:
    """Load and validate the settings.

    `path` is the configuration file: by default the one that $TIDEMARK_CONFIG names, else
    ./config.yaml if it is there, else none. `environ` is the environment, by default that of this
    process. `dotenv` is read if it is there; None reads none.

    Raise ConfigError with every problem at once. Secrets are registered for redaction.
    """
    return load_with_origins(path, environ, dotenv=dotenv).settings


def load_with_origins(
    path: Path | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    dotenv: Path | None = Path(".env"),
) -> Loaded:
    """Load and validate the settings, and tell where each of them is from."""
    real = dict(os.environ if environ is None else environ)
    problems: list[Problem] = []

    from_file: dict[str, str] = {}
    lines: dict[str, int] = {}
    if dotenv is not None:
        from_file, lines, found = read_dotenv(dotenv)
        problems += found
    chosen = path or _chosen_file(real, from_file)
    file = read_yaml(chosen) if chosen is not None else YamlFile("")
    problems += file.problems

    layers = [
        read_environment(from_file, {n: f"{dotenv}:{at} {n}" for n, at in lines.items()}),
        read_environment(real, {name: f"environment {name}" for name in real}),
    ]
    given: dict[tuple[str, ...], Given] = {}
    for layer in layers:
        problems += layer.problems
        given |= layer.given

    secrets = [*file.secrets, *(s for layer in layers for s in _secrets_of(layer.given.values()))]
    redact.add(secrets)

    settings, found = _validate(file, given)
    problems += found
    if settings is None or problems:
        raise ConfigError(_clean(problems, secrets))
    return Loaded(settings, _origins(file, given), chosen)


def _chosen_file(environ: Mapping[str, str], dotenv: Mapping[str, str]) -> Path | None:
    named = environ.get(_CONFIG_NAME) or dotenv.get(_CONFIG_NAME)
    if named:
        return Path(named)
    usual = Path("config.yaml")
    return usual if usual.exists() else None


def _validate(
    file: YamlFile, given: Mapping[tuple[str, ...], Given]
) -> tuple[Settings | None, list[Problem]]:
    values = file.values
    for route, one in given.items():
        section: dict[str, Any] = values
        for name in route[:-1]:
            section = section.setdefault(name, {})
        section[route[-1]] = one.value

    def origin_of(route: Route) -> str:
        for end in range(len(route), 0, -1):
            one = given.get(tuple(map(str, route[:end])))
            if one is not None:
                return one.origin
        return file.origin(route) if file.name else DEFAULT_ORIGIN

    try:
        return Settings.model_validate(values), []
    except ValidationError as error:
        return None, list(from_validation(error, origin_of, file.refused - given.keys()))


def _origins(file: YamlFile, given: Mapping[tuple[str, ...], Given]) -> dict[tuple[str, ...], str]:
    origins = {}
    for route in leaves():
        if route in given:
            origins[route] = given[route].origin
        elif route in file.lines:
            origins[route] = file.origin(route)
        else:
            origins[route] = DEFAULT_ORIGIN
    return origins


def _secrets_of(given: Iterable[Given]) -> Iterable[str]:
    for one in given:
        if one.leaf.secret:
            yield one.text
            # InfluxDB 1 takes user:password as its token.
            yield one.text.partition(":")[2]
            # Some are addresses, several of them.
            for word in one.text.split():
                yield from secrets_in_url(word)
        elif one.leaf.may_hold_secret:
            entries = one.value if isinstance(one.value, list) else [one.value]
            for entry in entries:
                yield from secrets_in_url(str(entry))


def _clean(problems: Iterable[Problem], secrets: Iterable[str]) -> list[Problem]:
    """Return problems without repetitions, and once more without any secret in any text."""
    hide = Redactor(secrets)
    clean = [
        replace(
            problem,
            path=hide(problem.path),
            value=hide(problem.value),
            expected=hide(problem.expected),
            remedy=hide(problem.remedy),
            origin=hide(problem.origin),
        )
        for problem in problems
    ]
    return list(dict.fromkeys(clean))
