"""Every query of every panel, variables filled in, returns rows; a few of them are recomputed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.grafana.asking import Asker
from tests.grafana.data import CATEGORIES, DEVICES, LOCALES, PRICE, STARTED_S, VERSIONS, windows
from tests.grafana.tree import DASHBOARDS, Target, dashboard, targets

STEPPED = [each for each in targets("influxdb") if "$resolution" in each.target["query"]]


@pytest.mark.parametrize("target", targets("influxdb"), ids=str)
def test_a_panels_query_returns_rows(target: Target, filled: Asker) -> None:
    values = filled.values(target.dashboard)
    assert filled.rows(target.target["query"], values)


@pytest.mark.parametrize("step", ["10s", "5m", "1h"])
@pytest.mark.parametrize("target", STEPPED, ids=str)
def test_and_at_any_resolution(target: Target, step: str, filled: Asker) -> None:
    values = filled.values(target.dashboard) | {"resolution": step}
    assert filled.rows(target.target["query"], values)


@pytest.mark.parametrize("target", targets("__expr__"), ids=str)
def test_a_panels_expression_has_a_result(target: Target, filled: Asker) -> None:
    found = filled.expression(target.dashboard, target.panel["id"], target.target["refId"])
    assert found


@pytest.mark.parametrize("name", DASHBOARDS)
def test_the_variables_of_a_dashboard_find_their_values(name: str, filled: Asker) -> None:
    for variable in dashboard(name)["templating"]["list"]:
        if variable["type"] != "query":
            continue
        values = [row["value"] for row in filled.rows(variable["query"], {})]
        assert values
        assert "allValue" in variable or variable["current"]["value"] in values


def test_a_chosen_value_leaves_the_others_out(filled: Asker) -> None:
    rows = filled.panel("logins", 4, device="(android|web)")
    assert {row["device_type"] for row in rows} == {"android", "web"}


def _windows(filled: Asker, length_s: int) -> int:
    return len(list(windows(filled.span.start, filled.span.end, length_s)))


def _sums(rows: list[dict[str, object]], tag: str, column: str = "sum") -> dict[object, object]:
    return {row[tag]: row[column] for row in rows}


def test_logins_by_device_locale_and_version(filled: Asker) -> None:
    count = _windows(filled, 30)
    assert _sums(filled.panel("logins", 4), "device_type") == {
        name: n * count for name, n in DEVICES.items()
    }
    assert _sums(filled.panel("logins", 6), "locale", "top") == {
        name: n * count for name, n in LOCALES.items()
    }
    versions = {
        (row["device_type"], row["app_version"]): row["logins"] for row in filled.panel("logins", 8)
    }
    assert versions["android", "2.3.0"] == 4 * count
    assert versions["web", "unknown"] == count
    assert len(versions) == 4


def test_android_versions_and_anomalies(filled: Asker) -> None:
    count = _windows(filled, 60)
    assert _sums(filled.panel("logins", 12), "app_version") == {
        name: n * count for name, n in VERSIONS.items()
    }
    assert filled.panel("logins", 2)[0]["sum"] == count
    assert next(iter(_numbers(filled.panel("logins", 3)))) == pytest.approx(1 / 6)


def test_unique_devices_and_the_most_frequent_ip(filled: Asker) -> None:
    assert {(row["Devices"], row["IPs"]) for row in filled.panel("logins", 9)} == {(8, 5)}
    assert {row["max"] for row in filled.panel("logins", 10)} == {3}


def test_revenue_transactions_and_what_one_sale_brings(filled: Asker) -> None:
    count, sales = _windows(filled, 10), sum(CATEGORIES.values())
    assert filled.panel("commerce", 1)[0]["sum"] == PRICE * sales * count
    assert filled.panel("commerce", 2)[0]["sum"] == sales * count
    assert filled.panel("commerce", 3)[0]["sum"] == 2 * sales * count
    assert next(iter(_numbers(filled.panel("commerce", 4)))) == PRICE
    by_category = {name: PRICE * n * count for name, n in CATEGORIES.items()}
    assert _sums(filled.panel("commerce", 6), "category", "top") == by_category
    one = filled.panel("commerce", 1, category="garden tools")[0]["sum"]
    assert one == by_category["garden tools"]


def test_stock_by_category(filled: Asker) -> None:
    rows = filled.panel("commerce", 14)
    assert _sums(rows, "category", "last") == {"books": 3, "garden tools": 0}


@pytest.mark.parametrize("step", ["10s", "1m", "5m"])
def test_events_per_second_do_not_depend_on_the_step(step: str, filled: Asker) -> None:
    rows = filled.panel("pipeline", 1, resolution=step, pipeline="sales")
    speeds = [row["non_negative_derivative"] for row in rows]
    assert set(speeds[1:-1]) == {10.0}


def test_shares_of_rejected_and_late_records(filled: Asker) -> None:
    for panel in (4, 5):
        shares = _numbers(filled.panel("pipeline", panel))
        assert shares == pytest.approx([1 / 102] * len(shares))


def test_the_newest_window_and_its_process(filled: Asker) -> None:
    rows = {row["pipeline"]: row for row in filled.panel("pipeline", 2)}
    assert set(rows) == {"interactions", "sales", "activity"}
    newest = list(windows(filled.span.start, filled.span.end, 10))[-1]
    row = rows["sales"]
    assert datetime.fromtimestamp(row["time"], UTC) == newest
    assert (row["events"], row["lag"], row["started"]) == (100, 8.5, STARTED_S * 1000)


def _numbers(rows: list[dict[str, object]]) -> list[float]:
    """Return the one number of each row."""
    return [
        value
        for row in rows
        for name, value in row.items()
        if name != "time" and isinstance(value, int | float)
    ]
