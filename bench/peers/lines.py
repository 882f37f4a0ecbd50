"""Lines of a job: those that say something. No blank ones, comments or docstrings."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable
from pathlib import Path

_MARKS = {".sql": "--", ".java": "//"}
_SILENT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
    tokenize.ENCODING,
}


def count_lines(sources: Iterable[Path]) -> int:
    """Return the lines of code in some files of Python, SQL or Java."""
    return sum(_lines(path.suffix, path.read_text()) for path in sources)


def _lines(suffix: str, text: str) -> int:
    if suffix == ".py":
        return _python_lines(text)
    without = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    lines = (line.strip() for line in without.splitlines())
    return sum(1 for line in lines if line and not line.startswith(_MARKS[suffix]))


def _python_lines(text: str) -> int:
    said: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _SILENT:
            said.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            said.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(said)
