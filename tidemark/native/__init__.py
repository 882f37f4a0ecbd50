"""What the compiled parts share: their switch, and the functions of the Kafka client.

They are built by `make setup` where there is a C compiler. For each there is a Python part that
does the same in more time, and the tests run both.
"""

from __future__ import annotations

import ctypes
import importlib
import os
from functools import cache
from typing import Any

__all__ = ["built", "client_functions"]


def built(module: str) -> Any:
    """Return a compiled module; None if it has not been built, or with TIDEMARK_COMPILED=off."""
    if os.environ.get("TIDEMARK_COMPILED") == "off":
        return None
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


@cache
def client_functions(names: tuple[str, ...]) -> tuple[int, ...]:
    """Return the addresses of functions of the librdkafka that confluent-kafka has loaded.

    None at all where it lacks one of them.
    """
    from confluent_kafka import cimpl

    # What it is linked to is searched as well.
    library = ctypes.CDLL(cimpl.__file__)
    try:
        return tuple(
            ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0 for name in names
        )
    except AttributeError:
        return ()
