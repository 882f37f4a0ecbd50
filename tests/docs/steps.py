"""How the tests do what a page says: one step for each command, by its very words."""

from __future__ import annotations

from dataclasses import dataclass, field

CTRL_C = (130,)


@dataclass(frozen=True)
class Step:
    """What is done with one command of a page."""

    text: str


@dataclass(frozen=True)
class Ends(Step):
    """Run it to its end. With `beside` the page goes on meanwhile, and its end waits for this one.

    `more` is added to the command: what makes a long one short.
    """

    says: str = ""
    code: int = 0
    more: str = ""
    beside: bool = False


@dataclass(frozen=True)
class Lives(Step):
    """Run it until its output matches, then stop it as Ctrl-C does.

    `until` `reads` waits for the books in the store instead: something has been read. With `stays`
    it goes on, until a `Stops` or the end of the page. `before` is put before the command.
    """

    until: str = ""
    codes: tuple[int, ...] = CTRL_C
    more: str = ""
    before: str = ""
    stays: bool = False


@dataclass(frozen=True)
class Stops(Step):
    """Stop what stays: a command that is not on the page, but what its reader does there."""

    text: str = field(default="Ctrl-C", init=False)


@dataclass(frozen=True)
class Given(Step):
    """Take the variable that the page exports from the test, which has a server for it."""


@dataclass(frozen=True)
class Elsewhere(Step):
    """Leave it to a test, `path::name`, and say why it is not run with its page."""

    test: str
    why: str
