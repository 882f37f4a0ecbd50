"""Outlets: all that a flow writes comes together here, so that each store has one sink.

A sink has its own writer lanes and connections; one a pipeline would multiply them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import bytewax.operators as op

from dataflows.streaming.environment import Environment
from dataflows.streaming.operators import KeyedCommands, write


@dataclass(frozen=True, slots=True)
class Outlets:
    """What goes to the document stores, to the series stores and to topics.

    Commands with the same key stay in order.
    """

    documents: list[KeyedCommands] = field(default_factory=list)
    series: list[KeyedCommands] = field(default_factory=list)
    topics: list[KeyedCommands] = field(default_factory=list)

    def connect(self, env: Environment) -> None:
        """Add the sinks to the flow; nothing can be added afterwards."""
        for name, streams, stores in (
            ("document_stores", self.documents, env.documents),
            ("series_stores", self.series, env.series),
            ("topics", self.topics, env.topics),
        ):
            if streams and stores:
                write(name, op.merge(f"{name}_all", *streams), env, stores)
