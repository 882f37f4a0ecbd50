"""The main job: `flow` is the pipelines that are to run, nothing else.

    python -m bytewax.run dataflows.main

`flow` is built when it is first asked for, so that importing this module costs and needs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataflows.running import flow_of

if TYPE_CHECKING:
    from bytewax.dataflow import Dataflow

    from tidemark.config import Settings

    flow: Dataflow


def build(settings: Settings) -> Dataflow:
    """Return a flow of the enabled pipelines. Raises TidemarkError where it could not work."""
    from bytewax.dataflow import Dataflow

    from dataflows.alerting.resolve import tell_of_resting_rules
    from dataflows.assembly import assemble
    from dataflows.catalog import check, chosen
    from dataflows.surroundings import surroundings, topics_there

    check(settings)
    flow = Dataflow("tidemark")
    env = surroundings(settings)
    pipelines = chosen(settings, topics_there(settings))
    tell_of_resting_rules(settings, pipelines)
    assemble(flow, env, settings, pipelines)
    return flow


if not TYPE_CHECKING:
    __getattr__ = flow_of(__name__, build)
