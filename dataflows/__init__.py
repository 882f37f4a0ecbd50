"""Dataflows: the pipelines, each a file of its own, and the engine under them in `streaming`."""

from __future__ import annotations

import os

# One process has one core of its own here: threads inside polars only get in each other's way
# (measured on two cores), processes are what scales. Must be set before polars is imported.
os.environ.setdefault("POLARS_MAX_THREADS", "1")

# numpy's matrix library would start a thread a core that spins for work, which never comes here.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
