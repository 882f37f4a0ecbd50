"""Store: what every sink module offers, and how it fails.

A store takes commands and returns once they are durable. It raises `StoreUnavailable` where trying
again later may help and `StoreRejected` where it cannot. A failed write may be sent again whole,
even where part of it was stored (see `sinks.commands`). A store is used by one thread at a time;
open one store per writer thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sinks.commands import Command
from tidemark.errors import TidemarkError


class StoreUnavailable(TidemarkError):
    """The store does not answer or cannot take the write now; the same write may succeed later.

    `retry_after_s` is how long the store asked to be left alone, if it said so.
    """

    def __init__(
        self, message: str, *, remedy: str = "", retry_after_s: float | None = None
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.retry_after_s = retry_after_s


class StoreGivenUp(StoreUnavailable):
    """The store has taken nothing for so long that the flow stops."""

    permanent = True


@dataclass(frozen=True, slots=True)
class Refusal:
    """One document that a store refused: its id, the store's code and reason."""

    subject: str
    code: str
    reason: str


class StoreRejected(TidemarkError):
    """The store refuses the write and will refuse it again.

    Wrong credentials, a missing database, a layout in conflict. `refusals` tells the single
    documents where the store took the others.
    """

    permanent = True

    def __init__(
        self, message: str, *, remedy: str = "", refusals: tuple[Refusal, ...] = ()
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.refusals = refusals


class Store(Protocol):
    """One connection to one place where results are kept."""

    def open(self) -> None:
        """Connect and make what is missing (tables, indexes).

        May be called again after a failure. Raises StoreUnavailable or StoreRejected.
        """

    def write(self, commands: Sequence[Command]) -> None:
        """Store the commands in order and return when they are durable.

        Raises StoreUnavailable or StoreRejected; TypeError for a command that this store does not
        take.
        """

    def flush(self) -> None:
        """Return when everything written is durable."""

    def close(self) -> None:
        """Release the connection. Never blocks for longer than the store's timeout."""


@dataclass(frozen=True, slots=True)
class StoreFactory:
    """A configured store that is not open yet.

    `name` is fit for logs and metrics: kind and place, never a password. `holds_backlog` tells that
    windows of a backlog are better held back until some come together: adding them takes the time
    of the job itself.
    """

    name: str
    make: Callable[[], Store]
    holds_backlog: bool = False

    def open(self) -> Store:
        """Return a new open store. Raises StoreUnavailable or StoreRejected."""
        store = self.make()
        try:
            store.open()
        except BaseException:
            store.close()
            raise
        return store


def unsupported(store: str, command: object) -> TypeError:
    """Return the error for a command that a store does not take."""
    return TypeError(f"the {store} store does not take {type(command).__name__}")
