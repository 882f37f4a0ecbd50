"""What is to be seen of a run: its supervisor's state, its processes' metrics, its connections."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from tidemark.observability.channel import Silent
from tidemark.observability.exposition import exposition, families, merged
from tidemark.observability.readiness import Answer, Connections

if TYPE_CHECKING:
    from collections.abc import Iterable

SUPERVISOR = "supervisor"
_LATEST_BEAT_S = 30.0
"""The supervisor looks at its processes twenty times a second; a stop of one may take 15 s."""


@dataclass(frozen=True, slots=True)
class WorkerState:
    """One process; `ask` returns its metrics or raises Silent."""

    index: int
    alive: bool
    ready: bool
    ask: Callable[[], str]


@dataclass(frozen=True, slots=True)
class RunState:
    """A supervisor and its processes at one moment."""

    generation: int
    processes: int
    workers: Sequence[WorkerState]
    restarts: dict[str, int]
    beat_age_s: float


@dataclass(frozen=True, slots=True)
class Health:
    """Whether all is well, and what each check has found."""

    ok: bool
    checks: dict[str, Answer]
    more: dict[str, Any]

    def content(self) -> dict[str, Any]:
        """Return it as plain values."""
        checks = {
            name: {"ok": each.ok, **({"detail": each.detail} if each.detail else {})}
            for name, each in self.checks.items()
        }
        return {"ok": self.ok, **self.more, "checks": checks}


class RunView:
    """Look at a run from outside its main thread."""

    def __init__(
        self,
        state: Callable[[], RunState],
        connections: Connections,
        recovery_directory: Path,
        beside: Mapping[str, Callable[[], str]] | None = None,
    ) -> None:
        """`beside` are processes that are no part of the group: how each is asked, by its name."""
        self._state = state
        self._beside = dict(beside or {})
        self._connections = connections
        self._registry = CollectorRegistry()
        self._registry.register(_Supervisor(state, recovery_directory))
        ProcessCollector(registry=self._registry)

    def health(self) -> Health:
        """Tell whether the supervisor is alive; it restarts what is not."""
        state = self._state()
        ok = state.beat_age_s < _LATEST_BEAT_S
        detail = "" if ok else f"has not looked at its processes for {state.beat_age_s:.0f} s"
        return Health(ok, {SUPERVISOR: Answer(ok, detail)}, {"generation": state.generation})

    def readiness(self) -> Health:
        """Tell whether all processes are connected and every server answers."""
        state = self._state()
        texts, silent = self._texts(state)
        checks = {"processes": _processes(state, silent)}
        checks |= self._connections.answers()
        checks |= _lanes(texts)
        ok = all(answer.ok for answer in checks.values())
        return Health(ok, checks, {"generation": state.generation, "processes": state.processes})

    def metrics(self, process: str | None = None) -> bytes | None:
        """Return the metrics of all processes or of one; a silent one is missing from them."""
        state = self._state()
        if process == SUPERVISOR:
            return exposition(self._registry)
        if process is None:
            texts, _ = self._texts(state)
            return merged({**texts, SUPERVISOR: exposition(self._registry).decode()})
        asked = {str(worker.index): worker.ask for worker in state.workers} | self._beside
        if process in asked:
            try:
                return asked[process]().encode()
            except Silent:
                return None
        return None

    def _texts(self, state: RunState) -> tuple[dict[str, str], dict[int, str]]:
        """Ask all processes side by side; return what they said and why others did not."""
        texts: dict[str, str] = {}
        silent: dict[int, str] = {}
        workers = [worker for worker in state.workers if worker.alive]
        with ThreadPoolExecutor(max(1, len(workers) + len(self._beside)), "ask") as threads:
            asked = [(worker.index, threads.submit(worker.ask)) for worker in workers]
            others = [(name, threads.submit(ask)) for name, ask in self._beside.items()]
            for index, answer in asked:
                try:
                    texts[str(index)] = answer.result()
                except Silent as error:
                    silent[index] = str(error)
            for name, answer in others:
                # The group does not depend on it: silent, it is missing and no more.
                with suppress(Silent):
                    texts[name] = answer.result()
        return texts, silent


def _processes(state: RunState, silent: dict[int, str]) -> Answer:
    ready = [worker.index for worker in state.workers if worker.alive and worker.ready]
    if len(ready) < state.processes:
        return Answer(False, f"{len(ready)} of {state.processes} processes are connected")
    if silent:
        return Answer(False, f"no word from processes {sorted(silent)}")
    return Answer(True)


def _lanes(texts: dict[str, str]) -> dict[str, Answer]:
    """Say of each store that processes write to whether any of their lanes waits for it."""
    waiting: dict[str, float] = {}
    for text in texts.values():
        for family in families(text):
            if family.name == "tidemark_store_unavailable_lanes":
                for sample in family.samples:
                    store = sample.labels["store"]
                    waiting[store] = waiting.get(store, 0.0) + sample.value
    return {
        f"writing to {store}": Answer(
            count <= 0, f"{count:.0f} lanes wait for it to come back" if count > 0 else ""
        )
        for store, count in sorted(waiting.items())
    }


class _Supervisor(Collector):
    """The supervisor's own metrics."""

    def __init__(self, state: Callable[[], RunState], recovery_directory: Path) -> None:
        self._state = state
        self._recovery_directory = recovery_directory

    def describe(self) -> Iterable[Metric]:
        return supervisor_families()

    def collect(self) -> Iterable[Metric]:
        return supervisor_families(self._state(), _stored_bytes(self._recovery_directory))


def supervisor_families(
    state: RunState = RunState(0, 0, (), {}, 0.0), stored_bytes: int = 0
) -> list[Metric]:
    """Return what a supervisor in this state tells about itself."""
    restarts = CounterMetricFamily(
        "tidemark_supervisor_restarts_total",
        "Restarts of the group of processes: it `failed` by itself, was `killed` from outside, or"
        " `hung` at its start.",
        labels=["reason"],
    )
    for reason, count in state.restarts.items():
        restarts.add_metric([reason], count)
    gauges = {
        "tidemark_supervisor_wanted_processes": (
            "Processes that the run was started with.",
            state.processes,
        ),
        "tidemark_supervisor_ready_processes": (
            "Processes that run and are connected to the others.",
            sum(worker.alive and worker.ready for worker in state.workers),
        ),
        "tidemark_recovery_store_bytes": ("Bytes of the recovery store on disk.", stored_bytes),
    }
    return [
        restarts,
        *(GaugeMetricFamily(name, text, value=value) for name, (text, value) in gauges.items()),
    ]


def _stored_bytes(directory: Path) -> int:
    total = 0
    for path in directory.glob("part-*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue  # SQLite removes its side files when it closes a store
    return total
