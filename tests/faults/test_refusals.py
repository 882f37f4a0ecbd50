"""A recovery store that does not fit is refused at start, with what to do, and is not harmed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.running import TIDEMARK, Finished, run
from tests.tidemark.supervisor.running import FLOW
from tidemark.config import load_settings
from tidemark.supervisor.recovery import prepare_store

DESCRIPTION = Path("var/recovery/tidemark.json")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a recovery store made with the defaults."""
    directory = tmp_path_factory.mktemp("prepared")
    store = {"TIDEMARK_RECOVERY__DIRECTORY": str(directory / "var/recovery")}
    with prepare_store(load_settings(environ=store, dotenv=None)):
        pass
    return directory


def _start(directory: Path, **settings: str) -> Finished:
    """Run a flow that needs no servers: what is refused here is refused before it is loaded."""
    mine = {f"TIDEMARK_{name}": value for name, value in settings.items()}
    flow = {"TEST_FLOW_LIMIT": "1", "TEST_FLOW_OUT": str(directory)}
    return run((*TIDEMARK, "run", f"--flow={FLOW}"), directory, mine | flow)


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("ENGINE__KEY_GROUPS", "8", "engine.key_groups: stored 16, now 8"),
        ("STORES__LANES", "3", "stores.lanes: stored 4, now 3"),
        (
            "PIPELINES__INTERACTIONS__WINDOW_S",
            "60",
            "pipelines.interactions.window_s: stored 10, now 60",
        ),
        (
            "PIPELINES__INTERACTIONS__TOPIC",
            "elsewhere",
            "pipelines.interactions.topic: stored user_interactions, now elsewhere",
        ),
        ("RECOVERY__PARTITIONS", "2", "recovery.partitions: stored 4, now 2"),
    ],
)
def test_other_settings_are_refused(setting: str, value: str, told: str, prepared: Path) -> None:
    before = (prepared / DESCRIPTION).read_text()
    done = _start(prepared, **{setting: value})
    assert done.code == 2, done.stderr
    assert told in done.stderr
    assert "remedy: set them back" in done.stderr
    assert "--fresh" in done.stderr
    assert "worker.started" not in done.stderr
    assert (prepared / DESCRIPTION).read_text() == before


@pytest.mark.parametrize("version", [0, 2])
def test_a_store_of_another_version_is_refused(version: int, prepared: Path) -> None:
    path = prepared / DESCRIPTION
    before = path.read_text()
    stored = json.loads(before)
    now = stored["store_version"]
    try:
        path.write_text(json.dumps(stored | {"store_version": now + 1 if version else 0}))
        done = _start(prepared)
    finally:
        path.write_text(before)
    assert done.code == 2, done.stderr
    assert f"store version: stored {now + 1 if version else 0}, now {now}" in done.stderr
    assert "--fresh" in done.stderr


def test_the_settings_it_was_made_with_are_taken(prepared: Path) -> None:
    done = _start(prepared, RUN__PROCESSES="2", ENGINE__EPOCH_INTERVAL_S="1")
    assert done.code == 0, done.stderr
