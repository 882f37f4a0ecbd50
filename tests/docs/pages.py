"""What the pages of documentation say can be typed in, and where they lead."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.running import ROOT

PAGES = (ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("**/*.md")))
_BEGINS = r"tidemark [a-z]|make [a-z]|python -m [a-z]|curl |kubectl |docker (?:compose|volume) "
_INLINE = re.compile(rf"`((?:{_BEGINS})[^`]*)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Command:
    """A command of a page, without its comment; `typed` if it stands in a block of its own."""

    page: str
    text: str
    typed: bool

    @property
    def words(self) -> list[str]:
        """The command as a shell splits it, without what a pipe does with its output."""
        return shlex.split(self.text.partition(" | ")[0].partition("&&")[0])

    def __str__(self) -> str:
        return f"{self.page}: {self.text}"


def commands() -> list[Command]:
    """Return every command of every page once.

    Each line of a block that names no language is one, and so is what begins like one within a
    sentence, unless it leaves something to fill in.
    """
    return list(dict.fromkeys(found for page in PAGES for found in _of_page(page)))


def links(page: Path) -> list[str]:
    """Return where a page leads within the repository."""
    found = _LINK.findall(page.read_text())
    return [link for link in found if not link.startswith(("http://", "https://", "mailto:"))]


def anchors(page: Path) -> set[str]:
    """Return the names of a page's headings as sites render them."""
    plain = (
        re.sub(r"[`*_]|\[|\]\([^)]*\)", "", head) for head in _HEADING.findall(page.read_text())
    )
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in plain}


def block_with(page: str, text: str) -> str:
    """Return the one block of code of a page that holds `text`."""
    (found,) = [block for block in blocks(page) if text in block]
    return found


def blocks(page: str, language: str = r"\w*") -> list[str]:
    """Return the fenced blocks of code of a page, or those of one language."""
    pattern = rf"^```{language}\n(.*?)^```"
    return re.findall(pattern, (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)


def _of_page(page: Path) -> Iterator[Command]:
    language: str | None = None
    name = str(page.relative_to(ROOT))
    for line in page.read_text().splitlines():
        if line.startswith("```"):
            language = None if language is not None else line[3:]
        elif language == "" or (language is None and line.startswith("    ")):
            if text := re.sub(r"(^|\s+)#\s.*", "", line.strip()):
                yield Command(name, text, typed=True)
        elif language is None:
            for text in _INLINE.findall(line):
                if not re.search(r"[…<]|\.\.\.", text):
                    yield Command(name, text.strip(), typed=False)
