"""A user's own function that repairs a value: `MODULE:FUNCTION`, bytes in, bytes or None out."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from tidemark.errors import EXIT_USAGE, TidemarkError

Transform: TypeAlias = Callable[[bytes], bytes | None]
"""Returns the repaired value; None leaves the record out."""


class WrongTransform(TidemarkError):
    """The function can not be used."""

    exit_code = EXIT_USAGE


class TransformFailed(TidemarkError):
    """The function failed on a record."""


def load_transform(spec: str) -> Transform:
    """Import the function; modules of the working directory are found too. Raises WrongTransform.

    This runs the module's code as the user who calls.
    """
    module_name, colon, name = spec.partition(":")
    if not (colon and module_name and name):
        raise WrongTransform(
            f"--transform {spec!r} names no function", remedy="write MODULE:FUNCTION"
        )
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        function = getattr(importlib.import_module(module_name), name)
    except Exception as error:
        # Whatever the module does wrong while it is imported, the user is told which one it was.
        raise WrongTransform(
            f"--transform {spec!r} can not be loaded: {type(error).__name__}: {error}",
            remedy="name a function in a module of the working directory or of PYTHONPATH",
        ) from error
    if not callable(function):
        raise WrongTransform(f"--transform {spec!r} is no function")
    typed: Transform = function
    return typed


def repaired(transform: Transform, value: bytes, place: str) -> bytes | None:
    """Apply the function to the value of the record at `place`. Raises TransformFailed."""
    try:
        result = transform(value)
    except Exception as error:
        raise TransformFailed(
            f"the transform failed on the record {place}: {type(error).__name__}: {error}",
            remedy="let it return None for what it can not repair; what was sent before stays sent"
            " and is not sent again",
        ) from error
    if result is not None and not isinstance(result, bytes):
        raise TransformFailed(
            f"the transform returned {type(result).__name__} for the record {place},"
            " not bytes or None"
        )
    return result
