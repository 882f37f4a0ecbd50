"""The page beside a running dataflow: generator, real Kafka, every pipeline, SQLite, Chromium."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.dashboard.conftest import OpenTab
from tests.dashboard.serving import Page, served
from tests.support.running import TIDEMARK, Running, run
from tests.support.servers import KafkaEndpoint
from tests.support.unique import unique_name

if TYPE_CHECKING:
    from playwright.sync_api import Page as Tab

SENDING_S = 30
TOPICS = ("interactions", "logins", "activity", "sales", "inventory")
KINDS = (*TOPICS, "processed_logins", "funnel", "sessions")


@dataclass(frozen=True)
class LiveRun:
    """A dataflow at work, its store, and the page that shows it."""

    page: Page
    store: Path
    flow: Running
    generator: Running

    def document(self, kind: str, start: str) -> dict[str, Any]:
        """Return a stored window by its start, as the page tells it."""
        moment = datetime.fromisoformat(start).astimezone(UTC)
        found = self.query(
            "SELECT doc FROM aggregated_data WHERE _id = ?", f"{kind}/{moment:%Y-%m-%dT%H:%M:%SZ}"
        )
        return found[0]

    def query(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """Return the documents that a query gives."""
        connection = sqlite3.connect(self.store, timeout=10)
        try:
            return [json.loads(doc) for (doc,) in connection.execute(sql, values)]
        finally:
            connection.close()


@pytest.fixture(scope="module")
def live(kafka: KafkaEndpoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveRun]:
    room = tmp_path_factory.mktemp("live")
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "TIDEMARK_DOCUMENTS__URLS": f"sqlite:{room}/store.db",
        "TIDEMARK_SERIES__URLS": f"sqlite:{room}/store.db",
        "TIDEMARK_TIME__OUT_OF_ORDERNESS_S": "1",
        "TIDEMARK_TIME__IDLE_AFTER_S": "2",
        "TIDEMARK_ENGINE__EPOCH_INTERVAL_S": "1",
        "TIDEMARK_PIPELINES__SESSIONS__GAP_S": "3",
        "TIDEMARK_PIPELINES__LOGINS__OUTPUT_TOPIC": unique_name("login_aggregates"),
        "TIDEMARK_PIPELINES__PROCESSED_LOGINS__OUTPUT_TOPIC": unique_name("processed_login"),
        "TIDEMARK_ALERTS__TOPIC": unique_name("alerts"),
    }
    settings |= {f"TIDEMARK_PIPELINES__{name.upper()}__WINDOW_S": "5" for name in KINDS}
    settings |= {f"TIDEMARK_PIPELINES__{name.upper()}__TOPIC": unique_name(name) for name in TOPICS}
    login_topic = settings["TIDEMARK_PIPELINES__LOGINS__TOPIC"]
    settings["TIDEMARK_PIPELINES__PROCESSED_LOGINS__TOPIC"] = login_topic
    made = run((*TIDEMARK, "topics", "create"), room, settings)
    assert made.code == 0, made.stderr
    sending: tuple[str, ...] = (
        *TIDEMARK,
        "generate",
        "--stream=all",
        f"--duration={SENDING_S}",
        "--rate=600",
    )
    for setting in ("population.users=200", "population.items=60", "faults.malformed_share=0.02"):
        sending = (*sending, f"--set={setting}")
    with ExitStack() as stack:
        for name in ("flow", "generator"):
            (room / name).mkdir()
        flow = stack.enter_context(Running((*TIDEMARK, "run"), room / "flow", settings))
        generator = stack.enter_context(Running(sending, room / "generator", settings))
        page = stack.enter_context(served(room / "page", settings))
        yield LiveRun(page, room / "store.db", flow, generator)


# Together, so that no refresh comes between two of them.
READ_NOW = """() => Object.fromEntries([
    ['start', document.querySelector('[data-test="window-start"]').getAttribute('datetime')],
    ...['total', 'users', 'items', 'avg-per-user'].map((name) =>
        [name, Number(document.querySelector(`data[data-test="${name}"]`).value)]),
    ['types', Object.fromEntries([...document.querySelectorAll(
        'ol[aria-label="Interactions by type"] li')].map((row) =>
        [row.querySelector('.name').textContent, Number(row.querySelector('data').value)]))],
])"""


def test_the_page_shows_window_after_window_as_it_is_stored(
    live: LiveRun, open_tab: OpenTab
) -> None:
    tab = open_tab(live.page.url)
    tab.locator('[data-test="window-start"]').wait_for(timeout=60_000)
    tab.evaluate("window.notReloaded = true")
    seen: dict[str, dict[str, Any]] = {}
    while len(seen) < 3:
        shown = tab.evaluate(READ_NOW)
        seen.setdefault(shown["start"], shown)
        live.flow.wait_until(lambda: True)
        tab.wait_for_timeout(200)
    assert tab.evaluate("window.notReloaded") is True
    assert list(seen) == sorted(seen)
    for start, shown in seen.items():
        stored = live.document("interactions", start)
        assert {name: shown[name] for name in ("total", "users", "items")} == {
            name: stored[name] for name in ("total", "users", "items")
        }
        assert shown["avg-per-user"] == stored["avg_per_user"]
        assert shown["types"] == stored["by_type"]


def test_every_pipeline_is_on_the_page(live: LiveRun, open_tab: OpenTab) -> None:
    tab = open_tab(f"{live.page.url}/#/health")
    states = tab.locator('section:has(h2:text-is("Pipelines")) tbody tr:has(.tag.live)')
    tab.wait_for_function(
        "n => document.querySelectorAll('.panel.wide tbody tr .tag.live').length >= n",
        arg=len(KINDS),
        timeout=60_000,
    )
    assert states.count() == len(KINDS)
    for view, panels in (("logins", 8), ("commerce", 8), ("interactions", 13)):
        tab.goto(f"{live.page.url}/#/{view}")
        tab.wait_for_function(
            "n => document.querySelectorAll('section.panel[data-state=live]').length === n",
            arg=panels,
        )
    # Money as it is stored, to the cent.
    tab.goto(f"{live.page.url}/#/commerce")
    revenue = tab.locator('data[data-test="revenue"][value]')
    revenue.wait_for()
    shown = float(revenue.get_attribute("value") or 0)
    known = {d["revenue"] for d in live.query("SELECT doc FROM aggregated_data") if "revenue" in d}
    assert shown in known


def test_in_the_end_the_books_balance_and_dead_letters_are_shown(
    live: LiveRun, open_tab: OpenTab
) -> None:
    tab = open_tab(live.page.url)
    assert live.generator.process.wait(SENDING_S + 60) == 0, live.generator.log.read_text()

    def books() -> dict[str, float]:
        names = ("read", "accepted", "rejected", "late")
        found = {name: tab.locator(f'data[data-test="books-{name}"]') for name in names}
        return {name: float(each.get_attribute("value") or -1) for name, each in found.items()}

    def all_counted() -> bool:
        status = [
            d
            for d in live.query("SELECT doc FROM pipeline_status")
            if d["pipeline"] == "interactions"
        ]
        windows = [
            d for d in live.query("SELECT doc FROM aggregated_data") if d["type"] == "interactions"
        ]
        aside = sum(d["rejected"] + d["late"] for d in status)
        read = sum(d["read"] for d in status)
        shown = books()
        return (
            sum(d["total"] for d in windows) + aside == read == shown["read"]
            and shown["accepted"] == sum(d["total"] for d in windows)
            and all(d["lag"] == 0 for d in status)
        )

    wait(all_counted, "books that balance")
    assert books()["rejected"] > 0
    # Aggregates come a moment after the windows that they follow from.
    total = sum(
        d["total"]
        for d in live.query("SELECT doc FROM aggregated_data WHERE _id LIKE 'interactions/%'")
    )
    wait(
        lambda: sum(d["total"] for d in live.query("SELECT doc FROM user_stats")) == total,
        "the users' aggregates",
    )
    stats = live.query("SELECT doc FROM user_stats")
    top = sorted(stats, key=lambda d: (-d["total"], d["_id"]))[0]
    tab.goto(f"{live.page.url}/#/interactions?user={top['_id']}")
    wait(lambda: key_total(tab) == top["total"], "the total of the first user")
    # What was rejected, why, and what it looked like: from Kafka.
    tab.goto(f"{live.page.url}/#/health")
    samples = tab.locator(".samples li")
    samples.first.wait_for(timeout=60_000)
    assert "invalid_json" in tab.locator(".letters").inner_text()
    assert "offset" in samples.first.inner_text()


def key_total(tab: Tab) -> float:
    found = tab.locator('data[data-test="key-total"]')
    return float(found.get_attribute("value") or -1) if found.count() else -1


def wait(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.3)
