"""What Grafana would load silently though it is wrong, and what keeps it from starting."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.grafana.tree import DASHBOARDS, Json, dashboard, document, panels, rules

COLUMNS = 24
KNOWN_RULE_FIELDS = {
    "uid",
    "title",
    "condition",
    "data",
    "dashboardUid",
    "panelId",
    "noDataState",
    "execErrState",
    "for",
    "annotations",
    "labels",
    "isPaused",
}
"""Those of Grafana 10."""
ALL_PANELS = [
    pytest.param(name, panel, id=f"{name}-{panel['id']}")
    for name in DASHBOARDS
    for panel in panels(name)
]
ALL_RULES = [pytest.param(rule, id=rule["uid"]) for rule in rules()]


def datasource_uids() -> set[str]:
    return {each["uid"] for each in document("datasources/tidemark.yaml")["datasources"]}


def test_dashboards_have_uids_titles_and_descriptions_of_their_own() -> None:
    boards = [dashboard(name) for name in DASHBOARDS]
    assert len({board["uid"] for board in boards}) == len(boards)
    assert len({board["title"] for board in boards}) == len(boards)
    assert all(board["description"] and board["schemaVersion"] == 42 for board in boards)
    assert all(re.fullmatch(r"[a-z-]{1,40}", board["uid"]) for board in boards)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panel_ids_are_unique(name: str) -> None:
    ids = [panel["id"] for panel in dashboard(name)["panels"]]
    assert len(set(ids)) == len(ids)
    assert all(0 < panel["id"] < 100 for panel in panels(name))


@pytest.mark.parametrize("name", DASHBOARDS)
def test_no_panel_lies_over_another_or_beyond_the_edge(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard(name)["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= COLUMNS
        cells = set(
            itertools.product(
                range(place["x"], place["x"] + place["w"]),
                range(place["y"], place["y"] + place["h"]),
            )
        )
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize(("name", "panel"), ALL_PANELS)
def test_every_panel_says_what_it_shows_and_in_which_unit(name: str, panel: Json) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert panel["title"]
    assert len(panel["description"]) > 30
    assert panel["description"].endswith(".")
    assert defaults["unit"]
    assert defaults["noValue"]
    steps = defaults["thresholds"]["steps"]
    assert steps[0]["value"] is None
    limits = [step["value"] for step in steps[1:]]
    assert limits == sorted(limits)
    titles = [each["title"] for each in panels(name)]
    assert titles.count(panel["title"]) == 1


@pytest.mark.parametrize("name", DASHBOARDS)
def test_colours_have_names_so_that_both_themes_can_show_them(name: str) -> None:
    for key, value in _pairs(dashboard(name)):
        if "color" in key.lower() and isinstance(value, str):
            assert not re.search(r"#[0-9a-f]{3}|rgb|white|black", value, re.IGNORECASE), value


@pytest.mark.parametrize(("name", "panel"), ALL_PANELS)
def test_queries_have_a_letter_each_and_a_datasource_that_exists(name: str, panel: Json) -> None:
    variables = {v["name"]: v for v in dashboard(name)["templating"]["list"]}
    letters = [target["refId"] for target in panel["targets"]]
    assert letters
    assert len(set(letters)) == len(letters)
    assert any(not target.get("hide") for target in panel["targets"])
    for target in panel["targets"]:
        source = target["datasource"]
        if source["type"] == "__expr__":
            used = re.findall(r"\$(\w+)", target["expression"]) or [target["expression"]]
            assert set(used) <= set(letters[: letters.index(target["refId"])])
            continue
        variable = variables[source["uid"].strip("${}")]
        assert variable["query"] == source["type"]
        assert variable["current"]["value"] in datasource_uids()


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_variable_is_used_and_every_used_one_is_there(name: str) -> None:
    board = dashboard(name)
    known = {variable["name"] for variable in board["templating"]["list"]}
    text = str([panel["targets"] for panel in panels(name)])
    used = set(re.findall(r"\$\{?(\w+)", text))
    builtin = {"timeFilter", "__rate_interval", "tag_", "col"}
    letters = {"A", "B", "C", "D", "E"}
    unknown = {v for v in used - known - builtin - letters if not v.startswith("tag_")}
    assert not unknown
    assert known <= used


@pytest.mark.parametrize("name", DASHBOARDS)
def test_dashboards_lead_to_each_other_and_refresh(name: str) -> None:
    board = dashboard(name)
    (link,) = board["links"]
    assert link["type"] == "dashboards"
    assert link["keepTime"]
    assert set(link["tags"]) <= set(board["tags"])
    assert board["time"]["to"] == "now"
    assert board["refresh"] in board["timepicker"]["refresh_intervals"]


def test_the_provider_reads_the_directory_that_holds_it() -> None:
    (provider,) = document("dashboards/tidemark.yaml")["providers"]
    assert provider["type"] == "file"
    assert provider["folder"]
    assert provider["folderUid"]
    assert provider["options"]["path"] == "${GF_PATHS_PROVISIONING}/dashboards"


def test_datasources_hold_no_secret() -> None:
    series, metrics = document("datasources/tidemark.yaml")["datasources"]
    assert series["type"] == "influxdb"
    assert "version" not in series["jsonData"], "InfluxQL is what is asked without a version"
    assert series["url"] == "${INFLUX_URL}"
    assert series["secureJsonData"] == {"httpHeaderValue1": "Token ${INFLUX_TOKEN}"}
    assert metrics["url"] == "${PROMETHEUS_URL}"
    assert not any("isDefault" in each for each in (series, metrics)), "there may be another"


def test_groups_of_rules_have_a_folder_and_an_interval_that_the_scheduler_takes() -> None:
    groups = document("alerting/rules.yaml")["groups"]
    assert len({group["name"] for group in groups}) == len(groups)
    for group in groups:
        assert set(group) == {"orgId", "name", "folder", "interval", "rules"}
        assert group["folder"]
        assert "/" not in group["folder"]
        assert _seconds(group["interval"]) % 10 == 0


def test_rules_and_dashboards_have_folders_of_different_titles() -> None:
    """The rules' folder is made first, with a uid of Grafana's choice; one of the same title with
    another uid is then refused by Grafana 10 and 11."""
    groups = document("alerting/rules.yaml")["groups"]
    (provider,) = document("dashboards/tidemark.yaml")["providers"]
    assert provider["folder"] not in {group["folder"] for group in groups}


def test_contact_points_and_policies_have_no_field_that_grafana_10_does_not_know() -> None:
    for point in document("alerting/contact-points.yaml")["contactPoints"]:
        assert set(point) == {"orgId", "name", "receivers"}
        for receiver in point["receivers"]:
            assert set(receiver) == {"uid", "type", "disableResolveMessage", "settings"}
    for policy in document("alerting/policies.yaml")["policies"]:
        assert set(policy) == {
            "orgId",
            "receiver",
            "group_by",
            "group_wait",
            "group_interval",
            "repeat_interval",
        }


def test_rules_have_uids_and_titles_of_their_own() -> None:
    found = rules()
    assert len({rule["uid"] for rule in found}) == len(found)
    assert len({rule["title"] for rule in found}) == len(found)
    assert all(re.fullmatch(r"[a-z-]{1,40}", rule["uid"]) for rule in found)


@pytest.mark.parametrize("rule", ALL_RULES)
def test_a_rule_has_no_field_that_grafana_10_does_not_know(rule: Json) -> None:
    assert set(rule) == KNOWN_RULE_FIELDS
    assert rule["noDataState"] in {"OK", "Alerting", "NoData"}
    assert rule["execErrState"] in {"OK", "Alerting", "Error"}
    _seconds(rule["for"])


@pytest.mark.parametrize("rule", ALL_RULES)
def test_a_rules_steps_build_on_each_other(rule: Json) -> None:
    letters = [row["refId"] for row in rule["data"]]
    assert len(set(letters)) == len(letters)
    assert rule["condition"] == letters[-1]
    for place, row in enumerate(rule["data"]):
        assert set(row) == {"refId", "relativeTimeRange", "datasourceUid", "model"}
        model = row["model"]
        assert model["refId"] == row["refId"]
        assert model["datasource"]["uid"] == row["datasourceUid"]
        # Grafana's InfluxDB plug-in applies the first query's range to all of one request.
        assert row["relativeTimeRange"] == rule["data"][0]["relativeTimeRange"]
        if row["datasourceUid"] == "__expr__":
            used = re.findall(r"\$(\w+)", model["expression"]) or [model["expression"]]
            assert set(used) <= set(letters[:place])
        else:
            assert row["datasourceUid"] in datasource_uids()
            assert set(re.findall(r"\$(\w+)", model["query"])) == {"timeFilter"}
    assert rule["data"][-1]["model"]["type"] == "threshold"


@pytest.mark.parametrize("rule", ALL_RULES)
def test_a_rule_says_what_is_wrong_where_to_look_and_what_to_do(rule: Json) -> None:
    notes = rule["annotations"]
    assert rule["labels"]["severity"] in {"info", "warning", "critical"}
    assert len(notes["summary"]) > 20
    assert len(notes["description"]) > 40
    assert re.fullmatch(r"docs/operations\.md#[a-z-]+", notes["runbook_url"])
    (name,) = [n for n in DASHBOARDS if dashboard(n)["uid"] == rule["dashboardUid"]]
    assert rule["panelId"] in {panel["id"] for panel in panels(name)}
    assert notes["__dashboardUid__"] == rule["dashboardUid"]
    assert notes["__panelId__"] == str(rule["panelId"])


@pytest.mark.parametrize("rule", ALL_RULES)
def test_no_text_of_a_rule_is_taken_for_a_variable_of_the_environment(rule: Json) -> None:
    outside_models = {key: value for key, value in rule.items() if key != "data"}
    assert "$" not in str(outside_models)


def _seconds(duration: str) -> int:
    match = re.fullmatch(r"(\d+)([smh])", duration)
    assert match, duration
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]


def _pairs(node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield key, value
            yield from _pairs(value)
    elif isinstance(node, list):
        for value in node:
            yield from _pairs(value)
