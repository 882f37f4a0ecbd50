"""The rules and channels of docs/alerts.md are ones that work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.support.running import ROOT, TIDEMARK, run
from tidemark.config.alerts import RuleSettings

PAGE = (ROOT / "docs" / "alerts.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_what_the_page_shows_is_accepted(number: int, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(BLOCKS[number])
    channels = yaml.safe_load(BLOCKS[number])["alerts"].get("channels", {})
    urls = "\n".join(f"{name}=json://localhost/{name}" for name in channels)
    done = run((*TIDEMARK, "config", "check"), tmp_path, {"NOTIFY_URLS": urls})
    assert (done.stdout, done.stderr) == ("config ok\n", "")


def test_the_page_has_rules_and_channels() -> None:
    sections = [yaml.safe_load(block)["alerts"] for block in BLOCKS]
    assert [list(section) for section in sections] == [["rules"], ["channels"]]


def test_every_setting_of_a_rule_is_in_the_table() -> None:
    for name in RuleSettings.model_fields:
        assert re.search(rf"^\|[^|]*`{name}`", PAGE, re.MULTILINE), name


def test_the_urls_are_of_the_form_that_is_read(tmp_path: Path) -> None:
    (block,) = re.findall(r"```text\n(# separated.*?)```", PAGE, re.DOTALL)
    for name in ("ops", "mail", "hook"):
        assert f"{name}=" in block
    sound = block.replace("TokenA/TokenB/TokenC", "T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ")
    (tmp_path / "urls").write_text(sound)
    done = run((*TIDEMARK, "config", "check"), tmp_path, {"NOTIFY_URLS_FILE": "urls"})
    assert (done.stdout, done.stderr) == ("config ok\n", "")
