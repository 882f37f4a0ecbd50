"""What a worker process tells its supervisor: one JSON object a line on an inherited pipe."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from tidemark.errors import EXIT_FAILED, TidemarkError

Stage = Literal["load", "run"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a worker ended.

    `known` failures are TidemarkErrors, made for people; of the others `traceback` tells more.
    `stage` is "load" until the dataflow has been built, then "run". A `permanent` one comes again
    however often the dataflow is started. A `panic` is native code's, mostly for a peer's end.
    A `killed` worker was ended by SIGKILL, and not by us. One that `hung` did not connect in time.
    """

    message: str
    remedy: str = ""
    exit_code: int = EXIT_FAILED
    known: bool = False
    permanent: bool = False
    panic: bool = False
    stage: Stage = "run"
    traceback: str = ""
    killed: bool = False
    hung: bool = False

    @property
    def kind(self) -> str:
        """The reason as metrics name it."""
        return "killed" if self.killed else "hung" if self.hung else "failed"

    @classmethod
    def of(cls, error: BaseException, stage: Stage) -> Failure:
        """Describe `error`, or the TidemarkError that Bytewax has wrapped in it."""
        trace = "".join(traceback.format_exception(error))
        for cause in causes(error):
            if isinstance(cause, TidemarkError):
                return cls(
                    message=cause.message,
                    remedy=cause.remedy,
                    exit_code=cause.exit_code,
                    known=True,
                    permanent=bool(getattr(cause, "permanent", False)),
                    stage=stage,
                    traceback=trace,
                )
        root = list(causes(error))[-1]
        return cls(
            message=f"{type(root).__name__}: {root}",
            panic=is_panic(root),
            stage=stage,
            traceback=trace,
        )


def is_panic(error: BaseException) -> bool:
    """Tell whether this is a Rust panic that has come up as an exception."""
    return type(error).__name__ == "PanicException"


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield `error` and what it was raised from, outermost first."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def parse(line: bytes) -> Failure | Literal["loaded", "ready"]:
    """Read one report: a Failure, or the sign that the worker has loaded or is connected."""
    content = json.loads(line)
    if "failed" in content:
        return Failure(**content["failed"])
    return "loaded" if "loaded" in content else "ready"


@dataclass(frozen=True, slots=True)
class Reporter:
    """The worker's end; without a supervisor (`fd` None) nothing is sent."""

    fd: int | None

    def loaded(self) -> None:
        """Tell that what the dataflow needs is there; before, a start may wait as it is told to."""
        self._send({"loaded": True})

    def ready(self) -> None:
        """Tell that all processes of the group have found each other."""
        self._send({"ready": True})

    def failed(self, failure: Failure) -> None:
        """Tell why this process ends."""
        self._send({"failed": asdict(failure)})

    def _send(self, content: dict[str, object]) -> None:
        if self.fd is None:
            return
        data = json.dumps(content).encode() + b"\n"
        try:
            while data:
                data = data[os.write(self.fd, data) :]
        except BrokenPipeError:
            # Nobody listens: the supervisor has gone, and this process goes with it.
            return
