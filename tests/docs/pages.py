"""What the pages of documentation say can be typed in, and where they lead."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.running import ROOT

PAGES = (ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("**/*.md")))
_WORDS = re.compile(
    r"^(?:\$ )?((?:tidemark|make|python -m|curl|kubectl|deploy/)[^#]*?)(?:\s+#.*)?$"
)
_INLINE = re.compile(r"`((?:tidemark [a-z]|make [a-z]|python -m [a-z])[^`]*)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Command:
    """A command of a page, without what a pipe does with its output."""

    page: str
    text: str

    @property
    def words(self) -> list[str]:
        """The command as a shell splits it."""
        return shlex.split(self.text.partition("|")[0].partition("&&")[0])

    def __str__(self) -> str:
        return f"{self.page}: {self.text}"


def commands() -> list[Command]:
    """Return every command of every page once."""
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


def _of_page(page: Path) -> Iterator[Command]:
    fenced = False
    name = str(page.relative_to(ROOT))
    for line in page.read_text().splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            if (found := _WORDS.match(line.strip())) is not None:
                yield Command(name, found[1].strip())
        else:
            for text in _INLINE.findall(line):
                if not re.search(r"[…<]|\.\.\.", text):
                    yield Command(name, text.strip())


def block_with(page: str, text: str) -> str:
    """Return the one block of code of a page that holds `text`."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)
    (found,) = [block for block in blocks if text in block]
    return str(found)
