"""Many pages cost the store what one costs."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from tests.dashboard.serving import REFRESH_S, Page, served

PAGES = 60
WATCHED_S = 3.0


@pytest.fixture
def page(tmp_path: Path, sqlite_url: str) -> object:
    with served(tmp_path / "page", {"TIDEMARK_DOCUMENTS__URLS": sqlite_url}) as page:
        yield page


def test_many_open_pages_do_not_multiply_the_queries(page: Page) -> None:
    one = queries_while(page, 1)
    many = queries_while(page, PAGES)
    assert one > 10
    # What is asked follows the refresh alone: the same number, give or take a refresh.
    a_refresh = one / (WATCHED_S / REFRESH_S)
    assert many <= one + 3 * a_refresh


def queries_while(page: Page, pages: int) -> int:
    """Return how many queries are put to the store while so many pages are open."""
    stop = threading.Event()
    counts = [0] * pages

    def watch(number: int) -> None:
        with page.events("interactions") as events:
            for _ in events:
                counts[number] += 1
                if stop.is_set():
                    return

    threads = [threading.Thread(target=watch, args=(number,)) for number in range(pages)]
    for thread in threads:
        thread.start()
    while page.json("/healthz")["pages"] < pages or min(counts) < 1:
        time.sleep(0.05)
    before = page.json("/healthz")["queries"]
    time.sleep(WATCHED_S)
    after = page.json("/healthz")["queries"]
    stop.set()
    for thread in threads:
        thread.join(20)
    # Every one of them was kept fresh meanwhile.
    assert min(counts) >= 3
    while page.json("/healthz")["pages"]:
        time.sleep(0.05)
    return int(after - before)


def test_a_page_that_nobody_looks_at_asks_little(page: Page) -> None:
    with page.events("now") as events:
        next(events)
    time.sleep(1.0)
    before = page.json("/healthz")["queries"]
    time.sleep(2.0)
    assert page.json("/healthz")["queries"] == before
