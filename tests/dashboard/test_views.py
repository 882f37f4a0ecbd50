"""Every view in a real browser, on a store with an hour of everything."""

from __future__ import annotations

import csv
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dashboard.reading.sqlite import SQLiteReader
from sinks.commands import ReplaceDocuments
from sinks.sqlite import SQLiteStore
from tests.dashboard.conftest import PATIENT, FilledFile, OpenTab, Serve
from tests.dashboard.sample import Sample, tick
from tests.dashboard.serving import Page

if TYPE_CHECKING:
    from playwright.sync_api import Page as Tab


@pytest.fixture
def page(serve: Serve, sqlite_url: str) -> Page:
    """Serve a store of one's own, to be written to."""
    return serve({"TIDEMARK_DOCUMENTS__URLS": sqlite_url, **PATIENT})


@pytest.fixture
def stored(filled_file: FilledFile) -> Iterator[SQLiteReader]:
    reader = SQLiteReader(filled_file.path, 5.0)
    yield reader
    reader.close()


def open_store(url: str) -> SQLiteStore:
    store = SQLiteStore(Path(url.removeprefix("sqlite:")))
    store.open()
    return store


def value(tab: Tab, name: str) -> float:
    """Return the exact number behind a figure."""
    return float(tab.locator(f'data[data-test="{name}"]').get_attribute("value") or "nan")


def bars(tab: Tab, panel: str) -> dict[str, float]:
    """Return the names and the numbers of a panel's bars."""
    rows = tab.locator(f'section.panel:has(h2:text-is("{panel}")) ol li')
    return {
        rows.nth(i).locator(".name").inner_text(): float(
            rows.nth(i).locator("data").get_attribute("value") or "nan"
        )
        for i in range(rows.count())
    }


def test_now_shows_the_newest_window_and_the_books(
    shared_page: Page, open_tab: OpenTab, stored: SQLiteReader
) -> None:
    tab = open_tab(shared_page.url)
    tab.locator("#pulse[data-state=live]").wait_for()
    newest = stored.newest_windows("interactions", 1)[0]
    for name in ("total", "users", "items"):
        assert value(tab, name) == newest[name]
    assert value(tab, "avg-per-user") == newest["avg_per_user"]
    assert bars(tab, "By type") == newest["by_type"]
    assert bars(tab, "Top items") == {t["item_id"]: t["count"] for t in newest["top_items"]}
    assert tab.locator('[data-test="total"]').inner_text() == f"{newest['total']:,}"
    status = [each for each in stored.status() if each["pipeline"] == "interactions"]
    read = sum(each["read"] for each in status)
    assert value(tab, "books-read") == read
    aside = value(tab, "books-rejected") + value(tab, "books-late")
    assert value(tab, "books-accepted") + aside == read
    # Local time to read, UTC on hover.
    start = tab.locator('[data-test="window-start"]')
    assert re.fullmatch(r"\d\d:\d\d:\d\d", start.inner_text())
    title = start.get_attribute("title") or ""
    assert title.endswith(" UTC")
    assert title[11:13] != start.inner_text()[:2]


def test_interactions_show_the_largest_totals_and_any_single_key(
    shared_page: Page, open_tab: OpenTab, stored: SQLiteReader
) -> None:
    tab = open_tab(f"{shared_page.url}/#/interactions")
    tab.locator("ol[aria-label^='Users with'] li").first.wait_for()
    top = stored.largest("user_stats", 10)
    assert bars(tab, "Most active users") == {each["_id"]: each["total"] for each in top}
    assert bars(tab, "Funnel") == {
        step["name"]: step["users"] for step in stored.newest_windows("funnel", 1)[0]["steps"]
    }
    tab.get_by_label("Item", exact=True).check(force=True)
    tab.fill("#lookup-id", "item-0007")
    tab.keyboard.press("Enter")
    tab.locator('[data-test="lookup"] h3:text-is("Item item-0007")').wait_for()
    found = stored.one("item_stats", "item-0007")
    assert found is not None
    assert value(tab, "key-total") == found["total"]
    assert "item=item-0007" in tab.url
    tab.reload()
    tab.locator('[data-test="lookup"] h3:text-is("Item item-0007")').wait_for()
    tab.fill("#lookup-id", "nobody")
    tab.keyboard.press("Enter")
    tab.get_by_text("There is no item nobody.").wait_for()


def test_new_windows_come_without_reload_and_zoom_and_filters_stay(
    page: Page, open_tab: OpenTab, sqlite_url: str, sample: Sample
) -> None:
    tab = open_tab(f"{page.url}/#/commerce")
    tab.locator("#stock tbody tr").first.wait_for()
    tab.get_by_label("Out", exact=True).check(force=True)
    tab.fill("#stock-search", "item-0")
    out = tab.locator("#stock tbody tr").count()
    plot = tab.locator("figure:has(.title:text-is('Revenue per window')) svg.plot")
    before = plot.get_attribute("data-to")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    tab.mouse.move(box["x"] + 400, box["y"] + 100)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 700, box["y"] + 100)
    tab.mouse.up()
    reset = tab.locator(
        "figure:has(.title:text-is('Revenue per window')) button:text-is('Reset zoom')"
    )
    reset.wait_for()
    tab.evaluate("window.notReloaded = true")
    tab.locator("#stock-search").focus()

    sample.end += timedelta(minutes=1)
    store = open_store(sqlite_url)
    documents = list(sample.windows("sales", timedelta(minutes=1)))
    store.write([ReplaceDocuments("aggregated_data", documents)])
    store.close()
    wait_for_value(tab, "revenue", float(str(documents[-1]["revenue"])))
    tab.wait_for_function(
        "before => [...document.querySelectorAll('svg.plot')].some(p => p.dataset.to > before)",
        arg=before,
    )
    assert tab.evaluate("window.notReloaded") is True
    assert reset.is_visible()
    assert tab.input_value("#stock-search") == "item-0"
    assert tab.evaluate("document.activeElement.id") == "stock-search"
    assert tab.locator("#stock tbody tr").count() == out
    assert tab.get_by_label("Out", exact=True).is_checked()
    tab.reload()
    tab.locator("#stock tbody tr").first.wait_for()
    assert tab.get_by_label("Out", exact=True).is_checked()


def wait_for_value(tab: Tab, name: str, expected: float) -> None:
    tab.wait_for_function(
        "([name, value]) => Number(document.querySelector(`data[data-test='${name}']`).value)"
        " === value",
        arg=[name, expected],
    )


def test_the_stock_table_is_what_is_stored(
    shared_page: Page, open_tab: OpenTab, stored: SQLiteReader
) -> None:
    tab = open_tab(f"{shared_page.url}/#/commerce?stock=out")
    tab.locator("#stock tbody tr").first.wait_for()
    rows = tab.locator("#stock tbody tr")
    shown = {
        (rows.nth(i).locator("th").inner_text(), rows.nth(i).locator("td").nth(1).inner_text())
        for i in range(rows.count())
    }
    out = stored.stock("out", 1000)
    assert shown == {(each["product_id"], each["warehouse_id"]) for each in out}
    sums: dict[str, float] = {}
    for window in stored.newest_windows("sales", 360):
        for name, each in window["by_payment_method"].items():
            sums[name] = sums.get(name, 0) + each["revenue"]
    assert bars(tab, "By payment") == pytest.approx(sums)


def test_the_export_is_what_is_shown_and_what_is_stored(
    shared_page: Page, open_tab: OpenTab, stored: SQLiteReader, sample: Sample
) -> None:
    end_s = int(sample.end.timestamp())
    period = f"{end_s - 3600}-{end_s - 1800}"
    tab = open_tab(f"{shared_page.url}/#/history?of=interactions&show=by_type&period={period}")
    summary = tab.locator('[data-test="history-summary"]')
    summary.get_by_text("180 windows").wait_for()
    assert summary.get_attribute("data-bucket") == "10"
    with tab.expect_download() as download:
        tab.locator('[data-test="csv"]').click()
    with Path(download.value.path()).open(newline="") as file:
        rows = list(csv.DictReader(file))
    windows = [
        each
        for each in stored.newest_windows("interactions", 360)
        if end_s - 3600 <= each["timestamp"] // 1000 < end_s - 1800
    ]
    assert len(rows) == len(windows) == 180
    for row, window in zip(rows, windows, strict=True):
        assert int(row["total"]) == window["total"]
        assert float(row["avg_per_user"]) == pytest.approx(window["avg_per_user"])
        assert {name: int(row[f"by_type.{name}"]) for name in window["by_type"]} == window[
            "by_type"
        ]
    tab.get_by_role("button", name="Table").click()
    cells = tab.locator(".chart tbody tr").first.locator("td").all_inner_texts()
    shown = dict(zip(tab.locator(".chart thead th").all_inner_texts()[1:], cells, strict=True))
    assert {name: int(cell.replace(",", "")) for name, cell in shown.items()} == windows[-1][
        "by_type"
    ]
    # A longer period is shown by longer windows.
    tab.get_by_label("1 day").check(force=True)
    tab.locator('[data-test="history-summary"][data-bucket="300"]').wait_for()


def test_alerts_open_and_past_are_filtered_and_a_new_one_shows_a_banner(
    page: Page, open_tab: OpenTab, sqlite_url: str, sample: Sample
) -> None:
    tab = open_tab(f"{page.url}/#/alerts")
    open_ = tab.locator('[data-test="open-alerts"] tbody tr')
    open_.first.wait_for()
    assert open_.count() == 2
    assert tab.locator("#alert-count").inner_text() == "2"
    tab.get_by_label("critical").check(force=True)
    assert open_.count() == 1
    assert "item-0042/north" in open_.first.inner_text()
    store = open_store(sqlite_url)
    at = datetime.now(UTC)
    new = {
        **next(iter(sample.alerts())), "_id": "new/x/1", "rule": "new", "subject": "x",
        "timestamp": at, "message": "something <b>new</b>", "severity": "critical",
    }  # fmt: skip
    store.write([ReplaceDocuments("alerts", [new])])
    tab.locator("#banner").get_by_text("something <b>new</b>").wait_for()
    assert tab.locator("#alert-count").inner_text() == "3"
    assert open_.count() == 2
    tab.get_by_role("button", name="Quiet for 10 min").click()
    assert tab.locator("#banner").is_hidden()
    store.write([ReplaceDocuments("alerts", [{**new, "_id": "new/y/1", "subject": "y"}])])
    tab.locator("#alert-count").get_by_text("4").wait_for()
    assert tab.locator("#banner").is_hidden()
    ended = {**new, "_id": "new/x/2", "state": "end", "timestamp": at + timedelta(seconds=5)}
    store.write([ReplaceDocuments("alerts", [ended])])
    store.close()
    tab.locator("#alert-count").get_by_text("3").wait_for()


def test_logins_and_health_show_what_is_stored(
    shared_page: Page, open_tab: OpenTab, stored: SQLiteReader
) -> None:
    tab = open_tab(f"{shared_page.url}/#/logins")
    tab.locator("ol[aria-label='Logins by locale'] li").first.wait_for()
    newest = stored.newest_windows("logins", 1)[0]
    assert value(tab, "logins-total") == newest["total"]
    assert bars(tab, "By locale") == newest["by_locale"]
    tab.goto(f"{shared_page.url}/#/health")
    parts = tab.locator('section:has(h2:text-is("Partitions")) tbody tr')
    parts.first.wait_for()
    assert parts.count() == len(stored.status())
    # No Kafka there: that is said, and the page does not wait for it.
    assert "Reading" in tab.locator(".panel:has(h2:text-is('Dead letters'))").inner_text()
    tab.locator(".tag:text-is('answers')").first.wait_for()


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_is_wider_than_the_screen(shared_page: Page, open_tab: OpenTab, width: int) -> None:
    tab = open_tab(shared_page.url, width=width)
    for view in ("now", "interactions", "logins", "commerce", "history", "alerts", "health"):
        tab.goto(f"{shared_page.url}/#/{view}")
        tab.locator(f"nav a[aria-current=page][href='#/{view}']").wait_for()
        tab.locator("main section").first.wait_for()
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, view


def test_the_keyboard_reads_and_zooms_a_chart(shared_page: Page, open_tab: OpenTab) -> None:
    tab = open_tab(f"{shared_page.url}/#/interactions")
    figure = tab.locator("figure:has(.title:text-is('Interactions by type'))")
    figure.locator("svg.plot .series.line").first.wait_for()
    figure.locator("svg.plot").focus()
    tab.keyboard.press("ArrowLeft")
    said = figure.locator("p[role=status]")
    assert "view" in said.inner_text()
    before = said.inner_text()
    tab.keyboard.press("ArrowLeft")
    assert said.inner_text() != before
    tab.keyboard.press("+")
    assert figure.get_by_role("button", name="Reset zoom").is_visible()
    tab.keyboard.press("Escape")
    assert figure.get_by_role("button", name="Reset zoom").is_hidden()
    # Every control that can be used has a name to be read out.
    nameless = tab.evaluate(
        """() => [...document.querySelectorAll('button, a, input, select')]
            .filter((e) => !(e.innerText?.trim() || e.ariaLabel || e.labels?.length))
            .map((e) => e.outerHTML)"""
    )
    assert nameless == []


def test_names_out_of_the_data_are_text(
    page: Page, open_tab: OpenTab, sqlite_url: str, stored: SQLiteReader
) -> None:
    newest: dict[str, Any] = stored.newest_windows("interactions", 1)[0]
    odd = ["<img src=x onerror=alert(1)>", "checkout.start", "$x", "__proto__", "ünï 💧"]
    path = sqlite_url.removeprefix("sqlite:")
    connection = sqlite3.connect(path)
    (text,) = connection.execute(
        "SELECT doc FROM aggregated_data WHERE _id LIKE 'interactions/%' ORDER BY _id DESC LIMIT 1"
    ).fetchone()
    connection.close()
    import json

    document = {**json.loads(text), "by_type": {name: 10 + i for i, name in enumerate(odd)}}
    store = open_store(sqlite_url)
    store.write([ReplaceDocuments("aggregated_data", [document])])
    tick(store, Sample(newest_end_of(newest)), 1_000)
    store.close()
    tab = open_tab(page.url)
    tab.get_by_text("checkout.start").wait_for()
    assert set(bars(tab, "By type")) == set(odd)


def newest_end_of(window: dict[str, Any]) -> Any:
    return datetime.fromtimestamp(window["window_end"] / 1000, UTC)
