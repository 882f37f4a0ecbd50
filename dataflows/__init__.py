"""Dataflows: the pipelines, each a file of its own, and the engine under them in `streaming`."""

from __future__ import annotations

import os

# One process has one core of its own here: threads inside polars only get in each other's way
# (measured on two cores), processes are what scales. Must be set before polars is imported.
os.environ.setdefault("POLARS_MAX_THREADS", "1")
