"""`python -m tests.dashboard.screenshots`: pictures of the live page into docs/images.

The store is filled with a day of sample documents, the page and the browser are real.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from sinks.commands import ReplaceDocuments
from sinks.sqlite import SQLiteStore
from tests.dashboard.conftest import CHROMIUM_FLAGS
from tests.dashboard.sample import LENGTHS_S, Sample, fill, newest_end, tick
from tests.dashboard.serving import served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
WIDTHS = (1440, 390)
SCHEMES = ("light", "dark")
# All views in light and wide; the first one in every way.
OTHERS = ("interactions", "logins", "commerce", "history", "alerts", "health")
# The first screen of a phone says enough.
HEIGHTS = {1440: 900, 390: 844}


@contextmanager
def written(path: Path, sample: Sample) -> Iterator[None]:
    """Keep the books of the sample moving meanwhile."""
    stop = threading.Event()

    def write() -> None:
        store = SQLiteStore(path)
        store.open()
        read = 14_200_000
        while not stop.wait(1.0):
            read += 1871
            tick(store, sample, read)
            end = newest_end(datetime.now(UTC))
            if end > sample.end:
                missed, sample.end = end - sample.end, end
                for kind, length_s in LENGTHS_S.items():
                    period = -(-missed // timedelta(seconds=length_s)) * timedelta(seconds=length_s)
                    windows = list(sample.windows(kind, period))
                    store.write([ReplaceDocuments("aggregated_data", windows)])
        store.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def shoot(browser: Browser, url: str, view: str, scheme: str, width: int, *, full: bool) -> None:
    """Take one picture."""
    context = browser.new_context(
        locale="en-US",
        timezone_id="Europe/Berlin",
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
        viewport={"width": width, "height": HEIGHTS[width]},
    )
    tab = context.new_page()
    tab.goto(f"{url}/#/{view}")
    tab.locator("#pulse[data-state=live]").wait_for()
    if tab.locator("#banner").is_visible() and view != "alerts":
        tab.locator("#banner button").click()
    tab.wait_for_timeout(1500)
    name = f"live-page-{view.partition('?')[0]}-{scheme}-{width}.png"
    tab.screenshot(path=IMAGES / name, full_page=full)
    context.close()
    print(f"docs/images/{name}", flush=True)


def main() -> None:
    """Take all of them."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tidemark-screenshots-") as folder:
        path = Path(folder) / "tidemark.db"
        sample = Sample(newest_end(datetime.now(UTC)))
        store = SQLiteStore(path)
        store.open()
        fill(store, sample, hours=1, days=7)
        store.close()
        settings = {
            "TIDEMARK_DOCUMENTS__URLS": f"sqlite:{path}",
            "TIDEMARK_SERIES__URLS": f"sqlite:{path}",
            "DASHBOARD_REFRESH_INTERVAL": "2",
        }
        with (
            written(path, sample),
            served(Path(folder) / "page", settings) as page,
            sync_playwright() as playwright,
        ):
            with page.events("interactions") as events:
                next(e for e in events if e["sections"].get("hours", {}).get("complete"))
            browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
            for scheme in SCHEMES:
                for width in WIDTHS:
                    shoot(browser, page.url, "now", scheme, width, full=width == 1440)
            for view in OTHERS:
                view = "interactions?user=user-0042" if view == "interactions" else view
                shoot(browser, page.url, view, "light", 1440, full=True)
            shoot(browser, page.url, "commerce", "dark", 390, full=False)
            browser.close()


if __name__ == "__main__":
    main()
