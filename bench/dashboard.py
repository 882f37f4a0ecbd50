"""`python -m bench.dashboard`: what the live page costs, beside a store that is written to.

A SQLite store with a million users and a day of windows, a writer that adds the books every second
and a window every ten, the process of the page, and Chromium. CPU is that of this process, of one
core.
"""

from __future__ import annotations

import http.client
import os
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
import typer
from rich.console import Console
from rich.table import Table

from sinks.commands import AccumulateWindow, ReplaceDocuments
from sinks.sqlite import SQLiteStore
from tests.dashboard.conftest import CHROMIUM_FLAGS
from tests.dashboard.sample import Sample, fill, newest_end, tick
from tests.dashboard.serving import Page, served

console = Console()
VIEWS = ("now", "interactions", "commerce", "health")
_KEYS_PER_WRITE = 100_000
_WINDOWED = ("interactions", "activity", "sales", "inventory")


def main(
    users: Annotated[int, typer.Option(help="Documents of user_stats.")] = 1_000_000,
    seconds: Annotated[float, typer.Option(help="How long each figure is measured.")] = 40.0,
    pages: Annotated[int, typer.Option(help="Pages open at once in the last measurement.")] = 200,
    refresh_s: Annotated[float, typer.Option(help="Refresh of the page.")] = 2.0,
    loads: Annotated[int, typer.Option(help="Page loads for the first paint.")] = 7,
) -> None:
    """Measure CPU by view, first paint, and the queries of many pages."""
    with tempfile.TemporaryDirectory(prefix="tidemark-bench-page-") as folder, ExitStack() as stack:
        room = Path(folder)
        sample = _store(room / "store.db", users)
        stack.enter_context(_writing(room / "store.db", sample))
        settings = {
            "TIDEMARK_DOCUMENTS__URLS": f"sqlite:{room / 'store.db'}",
            "TIDEMARK_SERIES__URLS": f"sqlite:{room / 'store.db'}",
            "DASHBOARD_REFRESH_INTERVAL": str(refresh_s),
        }
        page = stack.enter_context(served(room / "page", settings))
        _until_settled(page)
        table = Table(title=f"{users:,} users, refresh every {refresh_s:g} s")
        for column in ("measured", "result"):
            table.add_column(column)
        table.add_row("nobody looks: CPU", f"{_cpu_while(page, seconds):.2f} % of a core")
        for view in VIEWS:
            with _open(page, view, 1):
                table.add_row(
                    f"one page, {view}: CPU", f"{_cpu_while(page, seconds):.2f} % of a core"
                )
        with _open(page, "interactions", 1):
            one = _queries_while(page, seconds)
        with _open(page, "interactions", pages):
            many = _queries_while(page, seconds)
            cpu = _cpu_while(page, seconds)
        table.add_row("one page: queries a minute", f"{60 * one / seconds:,.0f}")
        table.add_row(f"{pages} pages: queries a minute", f"{60 * many / seconds:,.0f}")
        table.add_row(f"{pages} pages: CPU", f"{cpu:.2f} % of a core")
        for name, values in _paints(page, loads).items():
            spread = f"{min(values):.0f}-{max(values):.0f}"
            table.add_row(name, f"{statistics.median(values):.0f} ms ({spread}, {loads} loads)")
        table.add_row("memory of the page's process", f"{_memory_mib(page):.0f} MiB")
        table.add_row("load of the machine meanwhile", f"{os.getloadavg()[1]:.1f}")
    console.print(table)


def _store(path: Path, users: int) -> Sample:
    sample = Sample(newest_end(datetime.now(UTC)))
    store = SQLiteStore(path)
    store.open()
    fill(store, sample, days=1.0)
    random = np.random.default_rng(1)
    names = np.array([f"customer-{number:07d}" for number in range(users)])
    for first in range(0, users, _KEYS_PER_WRITE):
        keys = names[first : first + _KEYS_PER_WRITE]
        counts = pl.DataFrame(
            {"key": keys, "name": ["view"] * len(keys), "count": random.integers(1, 50, len(keys))}
        )
        store.write([AccumulateWindow("user_stats", sample.end - timedelta(hours=2), counts)])
    store.close()
    console.print(f"filled: {path.stat().st_size / 1e6:,.0f} MB")
    return sample


@contextmanager
def _writing(path: Path, sample: Sample) -> Iterator[None]:
    """Write as a dataflow does: books every second, windows every ten."""
    stop = threading.Event()

    def write() -> None:
        store = SQLiteStore(path)
        store.open()
        read = 15_000_000
        while not stop.wait(1.0):
            read += 2000
            tick(store, sample, read)
            end = newest_end(datetime.now(UTC))
            if end > sample.end:
                sample.end = end
                for kind in _WINDOWED:
                    windows = list(sample.windows(kind, timedelta(seconds=10)))
                    store.write([ReplaceDocuments("aggregated_data", windows)])
        store.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def _open(page: Page, view: str, count: int) -> Iterator[None]:
    """Keep so many streams of a view open, and read what they say."""
    stop = threading.Event()
    connections = []
    for _ in range(count):
        connection = http.client.HTTPConnection(page.url.removeprefix("http://"), timeout=30)
        connection.request("GET", f"/events/{view}")
        connections.append((connection, connection.getresponse()))

    def read(answer: http.client.HTTPResponse) -> None:
        while not stop.is_set() and answer.readline():
            pass

    threads = [threading.Thread(target=read, args=(answer,)) for _, answer in connections]
    for thread in threads:
        thread.start()
    time.sleep(2.0)
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        for connection, answer in connections:
            answer.close()
            connection.close()


def _until_settled(page: Page) -> None:
    """Wait until the week's hours are added up."""
    with page.events("interactions") as events:
        for event in events:
            if event["sections"].get("hours", {}).get("complete"):
                return


def _cpu_s(page: Page) -> float:
    fields = Path(f"/proc/{page.process.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _cpu_while(page: Page, seconds: float) -> float:
    before, began = _cpu_s(page), time.monotonic()
    time.sleep(seconds)
    return 100 * (_cpu_s(page) - before) / (time.monotonic() - began)


def _queries_while(page: Page, seconds: float) -> int:
    before = page.json("/healthz")["queries"]
    time.sleep(seconds)
    return int(page.json("/healthz")["queries"] - before)


def _memory_mib(page: Page) -> float:
    status = Path(f"/proc/{page.process.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _paints(page: Page, loads: int) -> dict[str, list[float]]:
    """Return when the first paint came, and when the numbers were there, of several loads."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    found: dict[str, list[float]] = {"first contentful paint": [], "numbers are there": []}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        for _ in range(loads):
            tab = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
            tab.goto(page.url)
            numbers: Any = tab.wait_for_function(
                "() => document.querySelector('data[data-test=total]')?.value"
                " ? performance.now() : 0",
                polling="raf",
            ).json_value()
            paint = tab.evaluate(
                "() => performance.getEntriesByName('first-contentful-paint')[0].startTime"
            )
            found["first contentful paint"].append(paint)
            found["numbers are there"].append(float(numbers))
            tab.context.close()
        browser.close()
    return found


if __name__ == "__main__":
    typer.run(main)
