"""Grafana as code: dashboards, alert rules and their provisioning, written by `python -m grafana`.

What Grafana reads is committed under `provisioning/`; this package is needed to change it, not to
run it.
"""

import warnings

with warnings.catch_warnings():
    # The SDK warns while it is imported that there is a second dashboard schema: Grafana 10 and 11
    # know only the first one.
    warnings.simplefilter("ignore", DeprecationWarning)
    import grafana_foundation_sdk.models.dashboard  # noqa: F401
