"""Read settings from the environment and from .env.

pydantic-settings has sources for both, but they stop at the first value that does not parse, know
neither unknown names nor NAME_FILE for single settings, and do not say where a value came from.
Its own parser of .env files (python-dotenv) is used here.
"""

from __future__ import annotations

import difflib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from dotenv.parser import parse_stream

from tidemark.config.parsing import parse
from tidemark.config.tree import PREFIX, Leaf, leaves
from tidemark.errors import Problem
from tidemark.redaction import REDACTED

_ALLOWED = {"TIDEMARK_CONFIG", "TIDEMARK_CACHE", "TIDEMARK_COMPILED"}
_ALLOWED_PREFIX = "TIDEMARK_TEST_"
_FILE = "_FILE"


@dataclass(frozen=True, slots=True)
class Given:
    """One value that a layer gives: parsed, with its text and where it is from."""

    leaf: Leaf
    value: Any
    text: str
    origin: str


@dataclass(slots=True)
class Layer:
    """What one environment gives, and what is wrong with it."""

    given: dict[tuple[str, ...], Given] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read_dotenv(path: Path) -> tuple[dict[str, str], dict[str, int], list[Problem]]:
    """Read a .env file: values, the line of each, problems. A file that is not there is empty."""
    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    problems: list[Problem] = []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return values, lines, problems
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        problems.append(Problem(str(path), "", f"a readable file ({reason})", "", ""))
        return values, lines, problems
    for binding in parse_stream(io.StringIO(text)):
        # Blank lines before a statement count as part of it.
        blank = binding.original.string[: -len(binding.original.string.lstrip()) or None]
        line = binding.original.line + blank.count("\n")
        if binding.error:
            problem = Problem(f"{path}:{line}", "", "NAME=value", "check its quotes", "")
            problems.append(problem)
        elif binding.key is not None and binding.value is not None:
            values[binding.key] = binding.value
            lines[binding.key] = line
    return values, lines, problems


def read_environment(environ: Mapping[str, str], where: Mapping[str, str]) -> Layer:
    """Take the settings out of an environment; `where` says where a name is from.

    An empty variable counts as not set, as containers often pass them.
    """
    layer = Layer()
    known = _names()
    layer.problems += _unknown(environ, known, where)
    for leaf in leaves().values():
        candidates = list(_candidates(leaf, environ, where, layer.problems))
        if not candidates:
            continue
        first = candidates[0]
        for other in candidates[1:]:
            if other.value != first.value:
                expected = f"one of {first.origin} and {other.origin}, not both"
                problem = Problem(leaf.path, "", expected, "unset one of them", other.origin)
                layer.problems.append(problem)
        layer.given[leaf.route] = first
    return layer


def _candidates(
    leaf: Leaf, environ: Mapping[str, str], where: Mapping[str, str], problems: list[Problem]
) -> Iterator[Given]:
    """Yield what each name of a setting gives; the general name first."""
    for name in reversed(leaf.env_names):
        text = environ.get(name, "")
        file = environ.get(name + _FILE, "") if leaf.from_file else ""
        if text and file:
            expected = f"one of {name} and {name}{_FILE}, not both"
            problem = Problem(leaf.path, "", expected, "unset one of them", where[name])
            problems.append(problem)
        origin = where.get(name, "")
        if file:
            origin = f"file {file} ({where[name + _FILE]})"
            text = _secret_file(name + _FILE, Path(file), where, problems)
        if text:
            sole = leaf.env is not None and leaf.env.sole and name == leaf.env.name
            yield Given(leaf, [text] if sole else parse(leaf, text), text, origin)


def _secret_file(name: str, path: Path, where: Mapping[str, str], problems: list[Problem]) -> str:
    expected = ""
    text = ""
    try:
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
        if not text:
            expected = "a file with the secret in it (it is empty)"
    except OSError as error:
        expected = f"a readable file ({error.strerror or type(error).__name__})"
    except (UnicodeDecodeError, ValueError):
        expected = "a text file in UTF-8"
    if expected:
        remedy = "write the secret into it, or check path and permissions"
        problems.append(Problem(name, _path_or_secret(path), expected, remedy, where[name]))
    return text


def _path_or_secret(path: Path) -> str:
    """Return a path to show, unless it may be the secret itself, put into NAME_FILE by mistake."""
    try:
        is_place = path.exists() or (len(path.parts) > 1 and path.parent.is_dir())
    except (OSError, ValueError):  # too long for a path, or with a null byte
        is_place = False
    return repr(str(path)) if is_place else REDACTED


@cache
def _names() -> frozenset[str]:
    names = {name for leaf in leaves().values() for name in leaf.env_names}
    names |= {
        name + _FILE for leaf in leaves().values() if leaf.from_file for name in leaf.env_names
    }
    return frozenset(names)


def _unknown(
    environ: Mapping[str, str], known: frozenset[str], where: Mapping[str, str]
) -> Iterator[Problem]:
    for name in sorted(environ):
        ours = name.startswith(PREFIX) and name not in _ALLOWED
        if ours and name not in known and not name.startswith(_ALLOWED_PREFIX):
            # Unlike keys, names share long beginnings: only a very near one is worth saying.
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
            remedy = f"did you mean {close[0]}?" if close else "unset it"
            expected = "the name of a setting, TIDEMARK_SECTION__FIELD"
            yield Problem(name, "", expected, remedy, where[name])
