"""What can go wrong in a way that a user can act on, and the exit codes of every command.

Exit codes: 0 ok, 1 failed, 2 usage or configuration, 130 interrupted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class TidemarkError(Exception):
    """Report a failure of the world: one clear message and, where there is one, the remedy."""

    exit_code = EXIT_FAILED

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n  remedy: {self.remedy}" if self.remedy else self.message


@dataclass(frozen=True, slots=True)
class Problem:
    """Say what is wrong with one setting.

    All fields are text made for people: `path` is dotted (`engine.key_groups`) or the name of the
    file or variable, `value` is as found, with secrets redacted, and empty where there is none,
    `origin` is where it was found (`config.yaml:12`, `environment TIDEMARK_ENGINE__KEY_GROUPS`).
    """

    path: str
    value: str
    expected: str
    remedy: str
    origin: str

    def __str__(self) -> str:
        found = f" = {self.value}" if self.value else ""
        origin = f"  ({self.origin})" if self.origin else ""
        lines = [f"{self.path}{found}{origin}", f"  expected: {self.expected}"]
        if self.remedy:
            lines.append(f"  remedy:   {self.remedy}")
        return "\n".join(lines)


class ConfigError(TidemarkError):
    """Report every problem of a configuration at once."""

    exit_code = EXIT_USAGE

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        count = len(self.problems)
        head = f"{count} problem{'' if count == 1 else 's'} in the configuration"
        super().__init__("\n".join([head, *_indented(self.problems)]))

    def __reduce__(self) -> tuple[type[ConfigError], tuple[tuple[Problem, ...]]]:
        return (type(self), (self.problems,))


def _indented(problems: Iterable[Problem]) -> Iterable[str]:
    for problem in problems:
        yield "  " + str(problem).replace("\n", "\n  ")
