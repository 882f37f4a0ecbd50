"""The demo's room: a directory made afresh, with the configuration that all its processes read."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tidemark.config import Settings

WINDOW_S: Final = 5
LONGER_WINDOW_S: Final = 10
SESSION_GAP_S: Final = 6.0
OUT_OF_ORDERNESS_S: Final = 2.0
IDLE_AFTER_S: Final = 3.0

_PREFIXES = ("TIDEMARK_", "KAFKA_", "MONGO_", "INFLUX_", "BYTEWAX_", "DASHBOARD_")
_HEADING = "# What `tidemark demo` runs with; written anew each time.\n"


@dataclass(frozen=True, slots=True)
class Room:
    """Where the demo lives."""

    directory: Path

    @property
    def store(self) -> Path:
        """The SQLite file of documents and series."""
        return self.directory / "demo.db"

    @property
    def config(self) -> Path:
        """The configuration of the generator and the dataflow."""
        return self.directory / "config.yaml"

    def settings(self) -> Settings:
        """Read the configuration as the demo's processes do."""
        from tidemark.config import load_settings

        return load_settings(environ={"TIDEMARK_CONFIG": str(self.config)}, dotenv=None)

    def log(self, name: str) -> Path:
        """The log of one of the demo's processes."""
        return self.directory / f"{name}.log"

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of the demo's processes: no setting of the user's reaches them."""
        root = str(Path(__file__).resolve().parents[2])
        kept = {key: value for key, value in inherited.items() if not key.startswith(_PREFIXES)}
        path = [root, *filter(None, [kept.get("PYTHONPATH")])]
        return {**kept, "PYTHONPATH": os.pathsep.join(path), "TIDEMARK_CONFIG": str(self.config)}

    def write_config(self, address: str, rate: float, duration_s: float | None) -> None:
        """Write the configuration: every pipeline, short windows and sessions, some of each fault.

        `rate` is that of all streams together.
        """
        import yaml

        content = yaml.safe_dump(_settings(address, rate, duration_s), sort_keys=False)
        self.config.write_text(_HEADING + content, "utf-8")


def _settings(address: str, rate: float, duration_s: float | None) -> dict[str, Any]:
    batch_size = max(1, round(rate / 10))
    return {
        "kafka": {"bootstrap_servers": address},
        "time": {"out_of_orderness_s": OUT_OF_ORDERNESS_S, "idle_after_s": IDLE_AFTER_S},
        "engine": {"epoch_interval_s": 1},
        "recovery": {"directory": "recovery"},
        "pipelines": {
            "interactions": {"window_s": WINDOW_S},
            "logins": {"window_s": LONGER_WINDOW_S},
            "processed_logins": {"window_s": LONGER_WINDOW_S},
            # A demo that is left alone must not fill the disk with what came in.
            **{
                name: {"window_s": WINDOW_S, "raw_data": False}
                for name in ("activity", "sales", "inventory")
            },
            "funnel": {"window_s": LONGER_WINDOW_S},
            "sessions": {"window_s": WINDOW_S, "gap_s": SESSION_GAP_S},
        },
        "documents": {"urls": ["sqlite:demo.db"]},
        "series": {"urls": ["sqlite:demo.db"]},
        "logging": {"level": "info", "format": "json"},
        "generator": {
            "stream": "all",
            # In batches: a hundred sends a second and stream would take a third of a core.
            "rate": None,
            "batch_size": batch_size,
            "interval_s": batch_size / rate,
            "duration_s": duration_s,
            "population": {"users": 2_000, "items": 500, "session_s": 12.0},
            "activity": {"session_gap_s": 1.5 * SESSION_GAP_S},
            "faults": {
                "out_of_order_share": 0.05,
                "out_of_order_s": 1.5,
                "late_share": 0.005,
                "late_s": 30.0,
                "duplicate_share": 0.005,
                "malformed_share": 0.01,
                "missing_field_share": 0.003,
                "future_share": 0.001,
                "missing_optional_share": 0.002,
            },
        },
    }


@contextmanager
def make_room(preferred: Path) -> Iterator[Room]:
    """Make the room at `preferred`, or in a temporary directory if that is taken or not ours.

    What an earlier demo left there is removed; what this one leaves stays to be looked at.
    """
    lock_path = preferred.parent / f"{preferred.name}.lock"
    try:
        preferred.parent.mkdir(parents=True, exist_ok=True)
        lock = lock_path.open("w")
    except OSError:  # a directory that this user cannot write
        yield Room(Path(tempfile.mkdtemp(prefix="tidemark-demo-")))
        return
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            directory = _cleared(preferred)
        except BlockingIOError:  # another demo runs
            directory = Path(tempfile.mkdtemp(prefix="tidemark-demo-"))
        yield Room(directory.absolute())


def _cleared(directory: Path) -> Path:
    config = directory / "config.yaml"
    if directory.exists() and any(directory.iterdir()):
        if not config.exists() or not config.read_text("utf-8").startswith(_HEADING):
            return Path(tempfile.mkdtemp(prefix="tidemark-demo-"))
        shutil.rmtree(directory)
    directory.mkdir(exist_ok=True)
    return directory
