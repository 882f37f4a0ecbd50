"""Keep the errors that Bytewax loses.

Bytewax wraps an error of Python code in `BytewaxRuntimeError`s and panics with it. In a cluster the
threads that talk to the other processes then panic, too, and what comes out of `cli_main` is theirs
("Send thread panic"); the reason is gone. The wrappers, however, are made by a Python class.
"""

from __future__ import annotations

from collections.abc import Callable

import bytewax.errors


def keep_wrapped_errors() -> Callable[[], BaseException | None]:
    """Return what tells the first error that Bytewax wraps from now on, None before there is one.

    To be called before the first dataflow runs: Bytewax looks its error class up once.
    """
    kept: list[BaseException] = []

    class KeptError(bytewax.errors.BytewaxRuntimeError):
        def __init__(self, *args: object) -> None:
            super().__init__(*args)
            kept.append(self)

    KeptError.__name__ = KeptError.__qualname__ = "BytewaxRuntimeError"
    KeptError.__module__ = "bytewax.errors"
    bytewax.errors.BytewaxRuntimeError = KeptError  # type: ignore[misc]
    return lambda: kept[0] if kept else None
