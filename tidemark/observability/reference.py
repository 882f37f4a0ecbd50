"""Write docs/metrics.md from the metrics themselves.

Run as `python -m tidemark.observability.reference`; with `--check` nothing is written, and the exit
code is 1 if the page is not up to date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric as Family

from tidemark.observability import metrics
from tidemark.observability.view import supervisor_families

PAGE = Path("docs/metrics.md")

_HEAD = """\
# Metrics

<!-- Written by `python -m tidemark.observability.reference` from tidemark/observability/. -->

`tidemark run` serves at `observability.host`:`observability.port` (127.0.0.1:9464):

| path | what it says |
|---|---|
| `/healthz` | 200 while the supervisor is alive, else 503: what a liveness probe restarts |
| `/readyz` | 200 when every process is connected and broker and stores answer, else 503 |
| `/metrics` | the metrics of all; the label `process` is 0, 1, ..., `supervisor` or `notify` |
| `/metrics/0`, `/metrics/supervisor` | those of one process |

```
curl -s http://127.0.0.1:9464/readyz
curl -s http://127.0.0.1:9464/metrics
```

Names follow one rule, `tidemark_<part>_<what>[_<unit>][_total]`; units are `seconds` and `bytes`,
`_total` ends the name of a counter. Counting costs nothing per event: counters grow by batch, the
rest is worked out when somebody asks.

Counters begin at zero with each process. Over a restart they are not exact, because what came after
the last snapshot is read again; the books that are exact are in `pipeline_status`
([guarantees](guarantees.md)). Within one life of a process, for each partition and pipeline,
`records = rejected + late + filtered + on_time`.

Besides these each process tells what Prometheus clients usually do:
`process_resident_memory_bytes`, `process_cpu_seconds_total`, `process_open_fds`,
`process_start_time_seconds`, `python_gc_collections_total` and the like.
"""

_PARTS = {
    "source": "What is read",
    "pipeline": "What becomes of it",
    "state": "What is kept",
    "store": "What is written",
    "notify": "Who is told of alerts",
    "recovery": "The recovery store",
    "supervisor": "The supervisor",
}


@dataclass(frozen=True, slots=True)
class Described:
    """One metric as people read of it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str

    @property
    def part(self) -> str:
        """The part of Tidemark that it is about."""
        return self.name.split("_")[1]


def described() -> list[Described]:
    """List every metric of ours, those that are kept and those that are worked out."""
    kept = [value for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)]
    found = [_described(next(iter(each.describe())), each._labelnames) for each in kept]
    for family in (
        *metrics.PARTITIONS.describe(),
        *metrics.STATES.describe(),
        *supervisor_families(),
    ):
        found.append(_described(family, tuple(getattr(family, "_labelnames", ()))))
    return found


def render() -> str:
    """Return the page."""
    return "\n".join([_HEAD, *_sections()])


def main(arguments: list[str] | None = None) -> int:
    """Write the page into the working directory, or check it."""
    given = sys.argv[1:] if arguments is None else arguments
    if given == ["--check"]:
        if PAGE.exists() and PAGE.read_text(encoding="utf-8") == render():
            return 0
        print(f"not up to date: {PAGE}", file=sys.stderr)
        print("run: python -m tidemark.observability.reference", file=sys.stderr)
        return 1
    if given:
        print("usage: python -m tidemark.observability.reference [--check]", file=sys.stderr)
        return 2
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(render(), encoding="utf-8")
    return 0


def _sections() -> Iterator[str]:
    found = described()
    for part, title in _PARTS.items():
        yield f"## {title}\n"
        yield "| metric | kind | labels | what it is |"
        yield "|---|---|---|---|"
        for each in found:
            if each.part == part:
                labels = ", ".join(f"`{name}`" for name in each.labels)
                yield f"| `{each.name}` | {each.kind} | {labels} | {each.text} |"
        yield ""


def _described(family: Family, labels: tuple[str, ...]) -> Described:
    name = f"{family.name}_total" if family.type == "counter" else family.name
    return Described(name, family.type, labels, family.documentation)


if __name__ == "__main__":
    sys.exit(main())
