"""The pages of those who run and look: running, generator, alerts, metrics, the live page."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.conftest import StartServer
from tests.docs.pages import blocks
from tests.docs.shell import Shell
from tests.docs.steps import Ends, Lives
from tests.docs.told import SENT, STEPS
from tests.support.people import mailbox, webhook
from tests.support.servers import Kafka

pytestmark = pytest.mark.timeout(1200)  # many starts of processes, one after the other

TOPICS = Ends("tidemark topics create")
EVENTS = Lives("tidemark generate --stream all --malformed 0.02", until=SENT)


@pytest.fixture
def shell(start_server: StartServer, tmp_path: Path) -> Shell:
    settings = {"KAFKA_BOOTSTRAP_SERVERS": start_server(Kafka).bootstrap_servers}
    return Shell(tmp_path / "tidemark", settings)


def test_running(shell: Shell) -> None:
    # Somebody has to send while `tail` looks.
    sending = Lives("tidemark generate --malformed 0.02", until=SENT, stays=True)
    with shell:
        shell.does([TOPICS, EVENTS])
        with shell.beside(sending):
            shell.does(STEPS["docs/running.md"])


def test_generator(shell: Shell) -> None:
    with shell:
        shell.does(STEPS["docs/generator.md"])
    assert (shell.directory / "var" / "truth.parquet").stat().st_size > 0


def test_alerts(shell: Shell) -> None:
    """The rules and channels of the page, with people behind the channels."""
    rules, channels = (
        yaml.safe_load(block)["alerts"] for block in blocks("docs/alerts.md", "yaml")
    )
    with shell, webhook() as hook, mailbox() as mail:
        (shell.directory / "config.yaml").write_text(yaml.safe_dump({"alerts": rules | channels}))
        urls = shell.directory / "notify_urls"
        urls.write_text(f"ops={hook.url}\nmail={mail.url}\nhook={hook.url}\n")
        shell.settings["NOTIFY_URLS_FILE"] = str(urls)
        shell.does([TOPICS, EVENTS, Ends("tidemark run --until-end")])
        shell.does(STEPS["docs/alerts.md"])
        assert len(hook.got) >= 2, "a test message by each of two channels"
        assert len(mail.got) >= 1


def test_metrics(shell: Shell) -> None:
    with shell:
        shell.does([TOPICS, *STEPS["docs/metrics.md"]])


def test_live_page(shell: Shell) -> None:
    with shell:
        shell.does([TOPICS, EVENTS, Ends("tidemark run --until-end"), *STEPS["docs/live-page.md"]])


def test_configuration_grafana_and_commerce(shell: Shell) -> None:
    with shell:
        shell.does(STEPS["docs/configuration.md"])
        shell.does(STEPS["docs/grafana.md"])
        shell.does([TOPICS, EVENTS, *STEPS["docs/commerce.md"]])
