"""The demo: everything on one machine, with nothing but Python.

A Kafka broker inside this process, the generator, the dataflow and the live page as processes of
their own, SQLite as the store, and a view in the terminal that reads nothing but that store.
"""

from __future__ import annotations

from tidemark.demo.session import run_demo

__all__ = ["run_demo"]
