"""Bar 8: how long it takes until the flow is built."""

from __future__ import annotations

from functools import partial

from bench.results import Bar, Result
from bench.rounds import run_rounds
from bench.session import Session
from bench.subjects import interactions_settings, run_module
from bench.topics import Content, fill


def startup(session: Session) -> Result:
    """Measure the import of `dataflows.main` and the build of its flow, each in a new process."""
    place = fill(session.kafka, Content(1_000))
    settings = {**interactions_settings(place), "TIDEMARK_PIPELINES__ONLY": "interactions"}
    settings |= {"TIDEMARK_DOCUMENTS__URLS": "null:", "TIDEMARK_SERIES__URLS": "null:"}
    subject = partial(run_module, ["bench.build_flow"], settings)
    subject()  # compiles what is not compiled yet, and makes the side topics
    runs = run_rounds({"import and build": subject}, session.rounds)
    totals = [run["import_s"] + run["build_s"] for run in runs["import and build"]]
    return session.result(
        "startup",
        {},
        runs,
        [Bar("8", "import dataflows.main and build the flow", "<=", 1.0, totals, "s")],
        "one pipeline on a real broker, no store; the start of the interpreter is not counted",
    )
