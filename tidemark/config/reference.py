"""Write config.yaml and docs/configuration.md from the types.

Run as `python -m tidemark.config.reference`; with `--check` nothing is written, and the exit code
is 1 if a file is not up to date.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from tidemark.config.descriptions import description
from tidemark.config.present import plain
from tidemark.config.settings import Settings
from tidemark.config.tree import Leaf, leaves, sections

_WIDTH = 100
# What the value itself already shows.
_NOT_WORTH_SAYING = re.compile(r"true or false|(null or )?text(, [a-z0-9, ]+)?|a (whole )?number")

_YAML_HEAD = """\
Every setting of Tidemark with its default. What is left out keeps its default.
A setting is taken from the last of these that gives it: default, this file, .env, environment.
Its name in the environment is TIDEMARK_SECTION__FIELD, as in TIDEMARK_ENGINE__KEY_GROUPS, and
for some there is a second one, said beside it.
Secrets are taken from the environment only, or from a file that NAME_FILE names.
`tidemark config check` validates, `tidemark config show` tells where each value is from.
Written by `python -m tidemark.config.reference` from the types in tidemark/config/.
"""

_PAGE_HEAD = """\
# Configuration

<!-- Written by `python -m tidemark.config.reference`: change the types in tidemark/config/. -->

`config.yaml` holds every setting with its default. Another file is named by `TIDEMARK_CONFIG` or
`--config`; without any file the defaults hold.

```
tidemark config check    # "config ok", or every problem at once and exit code 2
tidemark config show     # every value and where it is from; --json for programs
```

## Layers

A setting is taken from the last of these that gives it, as a whole: lists and mappings are not
merged.

1. the default
2. `config.yaml`
3. `.env` in the working directory (`NAME=value` lines; nothing is interpolated)
4. the environment

Every setting has the environment name `TIDEMARK_SECTION__FIELD`, as in
`TIDEMARK_ENGINE__KEY_GROUPS` or `TIDEMARK_PIPELINES__INTERACTIONS__WINDOW_S`; some have a second
name that other tools use, too. One layer may give a setting under both names only if they agree.
An empty variable counts as not set, and `null` is null where that is allowed. Lists are separated
by commas or written as YAML, mappings are written as YAML: `{socket.timeout.ms: 30000}`.

Unknown keys and unknown `TIDEMARK_*` variables are errors, because they are most often misspelt.
`TIDEMARK_CONFIG`, `TIDEMARK_CACHE`, `TIDEMARK_TEST_*` and `TIDEMARK_COMPILED` (`off`: without the
compiled parts, [running](running.md)) are no settings and always allowed.

## Secrets

Secrets are taken from the environment only: `NAME` holds the value, or `NAME_FILE` the path of a
file that holds it. In `config.yaml` they are refused, and so are addresses with a password.
Wherever settings are shown or logged, a secret is `******`.
"""


def render_yaml() -> str:
    """Return config.yaml."""
    lines = [*_comment(_YAML_HEAD, ""), ""]
    for name, model in sections(Settings).items():
        lines += [*_section_yaml(name, model, (name,)), ""]
    return "\n".join(lines[:-1]) + "\n"


def render_page() -> str:
    """Return docs/configuration.md."""
    parts = [_PAGE_HEAD]
    for name, model in sections(Settings).items():
        parts += _section_page(model, (name,))
    return "\n".join(parts)


def stale(root: Path) -> list[Path]:
    """Return the files below a root that are not as they would be written."""
    return [
        path
        for path, text in _files(root).items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def main(arguments: list[str] | None = None) -> int:
    """Write the files into the working directory, or check them."""
    given = sys.argv[1:] if arguments is None else arguments
    root = Path.cwd()
    if given == ["--check"]:
        old = stale(root)
        for path in old:
            print(f"not up to date: {path.relative_to(root)}", file=sys.stderr)
        if old:
            print("run: python -m tidemark.config.reference", file=sys.stderr)
        return 1 if old else 0
    if given:
        print("usage: python -m tidemark.config.reference [--check]", file=sys.stderr)
        return 2
    for path, text in _files(root).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


def _files(root: Path) -> dict[Path, str]:
    return {
        root / "config.yaml": render_yaml(),
        root / "docs" / "configuration.md": render_page(),
    }


def _section_yaml(name: str, model: type[BaseModel], route: tuple[str, ...]) -> Iterator[str]:
    indent = "  " * (len(route) - 1)
    yield from _comment(_summary(model), indent)
    yield f"{indent}{name}:"
    inner = sections(model)
    for field in model.model_fields:
        here = (*route, field)
        if field in inner:
            yield from _section_yaml(field, inner[field], here)
        else:
            leaf = leaves()[here]
            yield from _comment(_remark(leaf), indent + "  ")
            yield f"{indent}  {field}: {_yaml_value(leaf.default)}"


def _remark(leaf: Leaf) -> str:
    """Say what a setting does, what it takes, and its other name."""
    sentences = [description(leaf)]
    if leaf.secret:
        name = leaf.env_names[0]
        sentences.append(f"Only from the environment: {name} or {name}_FILE.")
    else:
        if not _NOT_WORTH_SAYING.fullmatch(leaf.expected):
            sentences.append(f"Takes {leaf.expected}.")
        if leaf.env is not None:
            sentences.append(f"Also {leaf.env.name}.")
    return " ".join(sentence for sentence in sentences if sentence)


def _section_page(model: type[BaseModel], route: tuple[str, ...]) -> Iterator[str]:
    yield f"\n## {'.'.join(route)}\n\n{_summary(model)}\n"
    inner = sections(model)
    own = [leaves()[(*route, name)] for name in model.model_fields if name not in inner]
    if own:
        yield "| setting | default | takes | environment | what it is |"
        yield "|---|---|---|---|---|"
    for leaf in own:
        names = [*leaf.env_names]
        if leaf.from_file:
            names += [name + "_FILE" for name in leaf.env_names]
        cells = (
            f"`{leaf.route[-1]}`",
            f"`{_yaml_value(leaf.default)}`",
            leaf.expected,
            "<br>".join(f"`{name}`" for name in names),
            description(leaf),
        )
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    for name, section in inner.items():
        yield from _section_page(section, (*route, name))


def _summary(model: type[BaseModel]) -> str:
    return " ".join(inspect.cleandoc(model.__doc__ or "").split("\n\n")[0].split())


def _comment(text: str, indent: str) -> Iterator[str]:
    for line in text.splitlines():
        for piece in textwrap.wrap(line, _WIDTH - len(indent) - 2, break_on_hyphens=False):
            yield f"{indent}# {piece}"


def _yaml_value(value: Any) -> str:
    """Write a value on one line of YAML; JSON is YAML, simple text needs no quotes."""
    simple = plain(value)
    if (
        isinstance(simple, str)
        and re.fullmatch(r"[A-Za-z][A-Za-z0-9_./:-]*", simple)
        and yaml.safe_load(simple) == simple
    ):
        return simple
    return json.dumps(simple, ensure_ascii=False)


if __name__ == "__main__":
    sys.exit(main())
