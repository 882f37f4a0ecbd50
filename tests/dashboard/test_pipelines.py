from __future__ import annotations

from dashboard.pipelines import pipelines_of
from dashboard.windows import KINDS
from tidemark.config import load_settings


def test_every_pipeline_of_the_page_says_what_it_reads_and_when_it_is_old() -> None:
    settings = load_settings(environ={"TIDEMARK_PIPELINES__LOGINS__WINDOW_S": "45"}, dotenv=None)
    found = {info.name: info for info in pipelines_of(settings)}
    assert tuple(found) == KINDS
    assert found["logins"].window_s == 45
    assert found["interactions"].topic == "user_interactions"
    assert found["sessions"].topic == found["activity"].topic
    # A window, the disorder and the silence that may hold the next one back.
    assert found["interactions"].stale_after_s > 10 + 5 + 10


def test_a_pipeline_that_is_switched_off_is_told() -> None:
    settings = load_settings(
        environ={"TIDEMARK_PIPELINES__INTERACTIONS__ENABLED": "false"}, dotenv=None
    )
    assert pipelines_of(settings)[0].enabled is False
