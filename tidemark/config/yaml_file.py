"""Read config.yaml: plain values, the line of each, and all that is wrong with it at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tidemark.config.problems import suggestion
from tidemark.config.tree import Route, dotted, leaves, model_at
from tidemark.errors import Problem
from tidemark.redaction import REDACTED, secrets_in_url

_HELP = "docs/configuration.md shows the form"


@dataclass(slots=True)
class YamlFile:
    """What a file holds: the tree, the line of each route, and the problems found."""

    name: str
    values: dict[str, Any] = field(default_factory=dict)
    lines: dict[Route, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    """Secrets that should not have been there, to keep them out of messages."""
    refused: set[Route] = field(default_factory=set)
    """Settings that were taken out for holding a secret."""

    def origin(self, route: Route) -> str:
        """Return `config.yaml:LINE` for a route or the nearest one above it that has a line."""
        for end in range(len(route), 0, -1):
            line = self.lines.get(route[:end])
            if line is not None:
                return f"{self.name}:{line}"
        return self.name

    def report(self, route: Route, value: str, expected: str, remedy: str) -> None:
        """Add a problem."""
        self.problems.append(Problem(dotted(route), value, expected, remedy, self.origin(route)))


def read_yaml(path: Path) -> YamlFile:
    """Read a configuration file; what is wrong with it is in `problems`, nothing is raised."""
    file = YamlFile(str(path))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        file.problems.append(_unreadable(path, error.strerror or type(error).__name__))
        return file
    except UnicodeDecodeError as error:
        file.problems.append(_unreadable(path, f"byte {error.start} is not UTF-8"))
        return file
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            root = _Reader(loader, file).value(node, ()) if node is not None else {}
        finally:
            loader.dispose()
    except (yaml.YAMLError, RecursionError) as error:
        file.problems.append(_malformed(path, error))
        return file
    if root is None:
        root = {}
    if not isinstance(root, dict):
        file.report((), "", "sections such as kafka: and engine:", _HELP)
        return file
    file.values = _known(file, root, ())
    _refuse_secrets(file)
    return file


class _Loader(yaml.SafeLoader):
    """Build plain values node by node."""

    def scalar(self, node: yaml.ScalarNode) -> Any:
        return self.construct_object(node)


class _Reader:
    """Turn nodes into values and note the line of each."""

    def __init__(self, loader: _Loader, file: YamlFile) -> None:
        self._loader = loader
        self._file = file
        self._open: set[int] = set()

    def value(self, node: yaml.Node, route: Route) -> Any:
        # The key's own line, where there is one, was noted before.
        self._file.lines.setdefault(route, node.start_mark.line + 1)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, route)
        if id(node) in self._open:
            self._file.report(route, "", "a value", "an alias must not contain itself")
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, route)
            assert isinstance(node, yaml.SequenceNode)
            return [self.value(item, (*route, at)) for at, item in enumerate(node.value)]
        finally:
            self._open.discard(id(node))

    def _scalar(self, node: yaml.ScalarNode, route: Route) -> Any:
        try:
            return self._loader.scalar(node)
        except (yaml.YAMLError, ValueError):
            # A tag of one's own or a date such as 2026-13-45.
            self._file.report(route, "", "a plain value", "quote it if it is text")
            return None

    def _mapping(self, node: yaml.MappingNode, route: Route) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._file.report(route, "", "plain names as keys", _HELP)
                continue
            # `on:`, `null:` and `1:` are no text in YAML; here a key is what is written.
            name = str(key_node.value)
            inner = (*route, name)
            if name in values:
                first = self._file.lines[inner]
                self._file.lines[inner] = key_node.start_mark.line + 1
                self._file.report(inner, "", "each key once", f"it is in line {first}, too")
                self._file.lines[inner] = first
                continue
            self._file.lines[inner] = key_node.start_mark.line + 1
            values[name] = self.value(value_node, inner)
        return values


def _known(file: YamlFile, values: dict[str, Any], route: Route) -> dict[str, Any]:
    """Return the sections and keys that exist, reporting the others."""
    model = model_at(route)
    assert model is not None
    known: dict[str, Any] = {}
    for key, value in values.items():
        here = (*route, key)
        if key not in model.model_fields:
            file.report(here, "", "a known setting", suggestion(here))
        elif model_at(here) is None:
            known[key] = value
        elif isinstance(value, dict):
            known[key] = _known(file, value, here)
        elif value is not None:  # a section with nothing but comments in it is null
            inner = ", ".join(model_at(here).model_fields)  # type: ignore[union-attr]
            file.report(here, "", f"a section with {inner}", "indent its settings below it")
    return known


def _refuse_secrets(file: YamlFile) -> None:
    for leaf in leaves().values():
        section = _section(file.values, leaf.route[:-1])
        value = section.get(leaf.route[-1]) if section is not None else None
        if section is None or value is None or not leaf.from_file:
            continue
        texts = list(_texts(value))
        if leaf.secret:
            expected = "no secret in a file that is shared and kept"
        elif any(secrets_in_url(text) for text in texts):
            expected = "an address without a password in a file that is shared and kept"
        else:
            continue
        file.secrets += texts if leaf.secret else [s for t in texts for s in secrets_in_url(t)]
        name = leaf.env_names[0]
        remedy = f"remove it here; set the environment variable {name} or {name}_FILE"
        file.report(leaf.route, REDACTED, expected, remedy)
        file.refused.add(leaf.route)
        del section[leaf.route[-1]]


def _section(values: dict[str, Any], route: tuple[str, ...]) -> dict[str, Any] | None:
    for name in route:
        inner = values.get(name)
        if not isinstance(inner, dict):
            return None
        values = inner
    return values


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from (*_texts(key), *_texts(item))
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif value is not None:
        yield str(value)


def _unreadable(path: Path, reason: str) -> Problem:
    remedy = "write it, or name another file with TIDEMARK_CONFIG"
    return Problem(str(path), "", f"a readable file in UTF-8 ({reason})", remedy, "")


def _malformed(path: Path, error: Exception) -> Problem:
    origin, why = str(path), "it is nested too deeply"
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        if mark is not None:
            origin = f"{path}:{mark.line + 1}:{mark.column + 1}"
        said = "; ".join(part for part in (error.context, error.problem) if part)
        # What is quoted may be a piece of a secret; single characters and <tokens> are not.
        why = re.sub(r"'(?!<[a-z ]+>')[^']{2,}'", "…", said) or why
    elif isinstance(error, yaml.reader.ReaderError):
        why = f"a character that YAML does not allow, at position {error.position}"
    return Problem(str(path), "", f"valid YAML ({why})", "check indentation and quotes", origin)
