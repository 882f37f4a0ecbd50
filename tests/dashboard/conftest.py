"""Stores with a day's documents in them, and a browser."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sinks.mongodb import MongoDBStore
from sinks.sqlite import SQLiteStore
from tests.dashboard.sample import Sample, fill, newest_end
from tests.dashboard.serving import Page, served
from tests.support.servers import MongoEndpoint
from tests.support.unique import unique_name

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Tab

# The file was filled when the tests began: that is no reason to call it stale.
PATIENT = {"TIDEMARK_TIME__IDLE_AFTER_S": "3600"}
CHROMIUM_FLAGS = [
    f"--{flag}"
    for flag in (
        *("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run"),
        *("disable-background-networking", "disable-component-update", "disable-sync"),
    )
]


@dataclass(frozen=True)
class FilledFile:
    """An embedded store with an hour of everything; tests copy it, or only read it."""

    path: Path
    end: datetime


@pytest.fixture(scope="session")
def filled_file(tmp_path_factory: pytest.TempPathFactory) -> FilledFile:
    """Fill a file once."""
    path = tmp_path_factory.mktemp("filled") / "store.db"
    sample = Sample(newest_end(datetime.now(UTC)))
    store = SQLiteStore(path)
    store.open()
    fill(store, sample)
    store.close()
    return FilledFile(path, sample.end)


@pytest.fixture
def sample(filled_file: FilledFile) -> Sample:
    """Return what the filled file holds, fit to go on with."""
    return Sample(filled_file.end)


@pytest.fixture
def sqlite_url(filled_file: FilledFile, tmp_path: Path) -> str:
    """Return the address of an embedded store of one's own, with an hour of everything."""
    return f"sqlite:{shutil.copy(filled_file.path, tmp_path / 'store.db')}"


@dataclass(frozen=True)
class FilledMongo:
    """A database with some minutes of everything; tests only read it."""

    uri: str
    database: str
    sample: Sample


@pytest.fixture(scope="session")
def filled_mongo(mongo: MongoEndpoint) -> Iterator[FilledMongo]:
    """Fill a database once: the server of the tests is slow at writing."""
    filled = FilledMongo(mongo.uri, unique_name("dashboard"), Sample(newest_end(datetime.now(UTC))))
    store = MongoDBStore(mongo.uri, filled.database)
    store.open()
    fill(store, filled.sample, hours=0.1, users=40, products=60)
    store.close()
    yield filled
    with mongo.client() as client:
        client.drop_database(filled.database)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start the Chromium of the system; skipped without one, failing in CI."""
    named = os.environ.get("TIDEMARK_TEST_CHROMIUM")
    found = named or shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        reason = "no Chromium: apt-get install chromium, or set TIDEMARK_TEST_CHROMIUM"
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must run this test: {reason}", pytrace=False)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of its event loop
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=found, args=CHROMIUM_FLAGS)
            yield browser
            browser.close()


@pytest.fixture(scope="session")
def shared_page(
    filled_file: FilledFile, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    """Serve the filled file to all tests that only look."""
    settings = {"TIDEMARK_DOCUMENTS__URLS": f"sqlite:{filled_file.path}", **PATIENT}
    with served(tmp_path_factory.mktemp("shared"), settings) as page:
        yield page


OpenTab = Callable[..., "Tab"]
Serve = Callable[[Mapping[str, str]], Page]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serve a page with these settings until the test is over."""
    with ExitStack() as stack:
        yield lambda settings: stack.enter_context(served(tmp_path / "page", settings))


@pytest.fixture
def open_tab(browser: Browser, serve: Serve) -> Iterator[OpenTab]:
    """Open pages whose consoles must stay empty; closed after the test, before their servers."""
    contexts = []
    said: list[str] = []

    def open_(url: str, *, width: int = 1440, dark: bool = False, quiet: bool = True) -> Tab:
        context = browser.new_context(
            locale="en-US",
            timezone_id="Europe/Berlin",
            color_scheme="dark" if dark else "light",
            viewport={"width": width, "height": 900},
            accept_downloads=True,
        )
        contexts.append(context)
        tab = context.new_page()
        tab.set_default_timeout(45_000)
        if quiet:
            tab.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        tab.on("pageerror", lambda error: said.append(f"error: {error}"))
        tab.goto(url)
        return tab

    yield open_
    for context in contexts:
        context.close()
    assert said == []
