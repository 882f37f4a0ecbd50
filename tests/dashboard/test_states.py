"""What the page says when things are not as they should be, and that it recovers by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sinks.mongodb import MongoDBStore
from sinks.sqlite import SQLiteStore
from tests.conftest import StartServer
from tests.dashboard.conftest import PATIENT, OpenTab, Serve
from tests.dashboard.sample import Sample, fill, newest_end
from tests.dashboard.serving import REFRESH_S
from tests.support.running import TIDEMARK, Running
from tests.support.servers import Mongo


def test_nothing_yet_until_the_first_window(
    serve: Serve, tmp_path: Path, open_tab: OpenTab
) -> None:
    path = tmp_path / "store.db"
    page = serve({"TIDEMARK_DOCUMENTS__URLS": f"sqlite:{path}"})
    tab = open_tab(page.url)
    tab.get_by_text("Nothing has been stored yet.").wait_for()
    assert "there is no file store.db" in tab.locator("#trouble").inner_text()
    store = SQLiteStore(path)
    store.open()
    tab.get_by_text("The store is there.").wait_for()
    sample = Sample(newest_end(datetime.now(UTC)))
    fill(store, sample, hours=0.1)
    store.close()
    tab.locator("#pulse[data-state=live]").wait_for()
    assert tab.locator("#trouble").is_hidden()
    assert tab.locator('data[data-test="total"]').get_attribute("value")


def test_a_store_that_goes_is_told_and_what_was_read_stays(
    serve: Serve, tmp_path: Path, sqlite_url: str, open_tab: OpenTab
) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:"))
    page = serve({**PATIENT, "TIDEMARK_DOCUMENTS__URLS": sqlite_url})
    tab = open_tab(page.url)
    tab.locator("#pulse[data-state=live]").wait_for()
    before = tab.locator('data[data-test="total"]').get_attribute("value")
    path.rename(path.with_suffix(".away"))
    tab.get_by_text("The store does not answer.").wait_for()
    assert tab.locator("#pulse").get_attribute("data-state") == "unreachable"
    assert tab.locator('data[data-test="total"]').get_attribute("value") == before
    assert page.json("/healthz") | {"pages": 0, "queries": 0} == {
        "status": "ok", "store": "unreachable", "pages": 0, "queries": 0,
    }  # fmt: skip
    path.with_suffix(".away").rename(path)
    tab.locator("#pulse[data-state=live]").wait_for()
    assert tab.locator("#trouble").is_hidden()


def test_a_mongodb_that_restarts_is_found_again(
    serve: Serve, tmp_path: Path, start_server: StartServer, open_tab: OpenTab
) -> None:
    mongo = start_server(Mongo)
    store = MongoDBStore(mongo.uri, "tidemark")
    store.open()
    sample = Sample(newest_end(datetime.now(UTC)))
    fill(store, sample, hours=0.05, users=10, products=10)
    store.close()
    settings = {"MONGO_URI": mongo.uri, "TIDEMARK_STORES__TIMEOUT_S": "1"}
    page = serve(settings)
    tab = open_tab(page.url)
    tab.locator("#pulse[data-state=live]").wait_for()
    mongo.kill()
    tab.get_by_text("The store does not answer.").wait_for()
    assert "127.0.0.1" in tab.locator("#trouble").inner_text()
    mongo.restart()
    tab.locator("#pulse[data-state=live]").wait_for()
    assert tab.locator("#trouble").is_hidden()


def test_old_numbers_carry_their_age(serve: Serve, tmp_path: Path, open_tab: OpenTab) -> None:
    path = tmp_path / "store.db"
    store = SQLiteStore(path)
    store.open()
    fill(store, Sample(newest_end(datetime.now(UTC) - timedelta(minutes=30))), hours=0.1)
    store.close()
    page = serve({"TIDEMARK_DOCUMENTS__URLS": f"sqlite:{path}"})
    tab = open_tab(page.url)
    tab.locator("#pulse[data-state=stale]").wait_for()
    assert "stale: newest window 3" in tab.locator("#pulse").inner_text()
    badge = tab.locator("section[data-pipeline=interactions] .badge").first
    assert "stale: newest window 3" in badge.inner_text()
    assert tab.locator('data[data-test="total"]').is_visible()


def test_a_pipeline_that_is_off_says_so_and_the_others_go_on(
    serve: Serve, tmp_path: Path, open_tab: OpenTab
) -> None:
    path = tmp_path / "store.db"
    store = SQLiteStore(path)
    store.open()
    sample = Sample(newest_end(datetime.now(UTC)))
    fill(store, sample, hours=0.1)
    store.close()
    import sqlite3

    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM aggregated_data WHERE _id LIKE 'logins/%'")
    connection.execute("DELETE FROM pipeline_status WHERE _id LIKE 'logins/%'")
    connection.commit()
    connection.close()
    settings = {
        "TIDEMARK_DOCUMENTS__URLS": f"sqlite:{path}",
        "TIDEMARK_PIPELINES__LOGINS__ENABLED": "false",
    }
    page = serve(settings)
    tab = open_tab(f"{page.url}/#/logins")
    off = tab.locator("section[data-pipeline=logins]").first
    off.get_by_text("This pipeline is off: pipelines.logins.enabled is false.").wait_for()
    others = tab.locator("section[data-pipeline=processed_logins][data-state=live]")
    assert others.count() == 3


def test_a_page_whose_server_restarts_goes_on(
    serve: Serve, tmp_path: Path, sqlite_url: str, open_tab: OpenTab
) -> None:
    settings = {**PATIENT, "TIDEMARK_DOCUMENTS__URLS": sqlite_url}
    page = serve(settings)
    # The browser itself tells of the lost connection in its console.
    tab = open_tab(page.url, quiet=False)
    tab.locator("#pulse[data-state=live]").wait_for()
    page.process.process.terminate()
    page.process.process.wait(20)
    tab.get_by_text("no connection to the page's server").wait_for()
    port = page.url.rpartition(":")[2]
    command = (*TIDEMARK, "dashboard", f"--port={port}")
    settings |= {"DASHBOARD_REFRESH_INTERVAL": str(REFRESH_S)}
    with Running(command, tmp_path, settings):
        tab.locator("#pulse[data-state=live]").wait_for()


def test_signing_in_with_the_token(
    serve: Serve, tmp_path: Path, sqlite_url: str, open_tab: OpenTab
) -> None:
    settings = {
        **PATIENT,
        "TIDEMARK_DOCUMENTS__URLS": sqlite_url,
        "DASHBOARD_TOKEN": "let me in please",
    }
    page = serve(settings)
    # A browser logs the status 401 of the second try.
    tab = open_tab(page.url, quiet=False)
    tab.get_by_label("Token of this page").fill("wrong")
    tab.keyboard.press("Enter")
    tab.get_by_text("That is not the token.").wait_for()
    tab.get_by_label("Token of this page").fill("let me in please")
    tab.keyboard.press("Enter")
    tab.locator("#pulse[data-state=live]").wait_for()
