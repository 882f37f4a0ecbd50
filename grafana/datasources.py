"""Datasources: where numbers come from."""

from __future__ import annotations

from typing import Any, Final

from grafana_foundation_sdk.models.common import DataSourceRef

SERIES_UID: Final = "tidemark-influxdb"
METRICS_UID: Final = "tidemark-prometheus"
EXPRESSION_UID: Final = "__expr__"

SERIES_VARIABLE: Final = "series"
METRICS_VARIABLE: Final = "metrics"

INFLUXDB: Final = "influxdb"
PROMETHEUS: Final = "prometheus"

SERIES: Final = DataSourceRef(INFLUXDB, f"${{{SERIES_VARIABLE}}}")
METRICS: Final = DataSourceRef(PROMETHEUS, f"${{{METRICS_VARIABLE}}}")
EXPRESSION: Final = DataSourceRef(EXPRESSION_UID, EXPRESSION_UID)


def datasources() -> dict[str, Any]:
    """Return the provisioning of both datasources.

    InfluxQL is asked over HTTP: that is what InfluxDB 1.8, 2.x and 3.x have in common.
    """
    return {
        "apiVersion": 1,
        "datasources": [
            {
                "uid": SERIES_UID,
                "name": "Tidemark InfluxDB",
                "type": INFLUXDB,
                "access": "proxy",
                "url": "${INFLUX_URL}",
                "editable": False,
                "jsonData": {
                    "dbName": "tidemark",
                    "httpMode": "POST",
                    "httpHeaderName1": "Authorization",
                    "timeInterval": "10s",
                },
                "secureJsonData": {"httpHeaderValue1": "Token ${INFLUX_TOKEN}"},
            },
            {
                "uid": METRICS_UID,
                "name": "Tidemark Prometheus",
                "type": PROMETHEUS,
                "access": "proxy",
                "url": "${PROMETHEUS_URL}",
                "editable": False,
                "jsonData": {"httpMethod": "POST", "timeInterval": "15s"},
            },
        ],
    }
