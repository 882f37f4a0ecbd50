"""Contact points and the policy, with the environment filled in as Grafana does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.grafana.tree import document


def expanded(node: Any, environment: Mapping[str, str]) -> Any:
    """Fill variables in; one that is not set is empty, and there are no defaults."""
    if isinstance(node, dict):
        return {key: expanded(value, environment) for key, value in node.items()}
    if isinstance(node, list):
        return [expanded(value, environment) for value in node]
    if isinstance(node, str):
        return re.sub(r"\$\{(\w+)\}", lambda match: environment.get(match[1], ""), node)
    return node


def told(environment: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the receivers that the policy chooses."""
    (policy,) = expanded(document("alerting/policies.yaml"), environment)["policies"]
    points = expanded(document("alerting/contact-points.yaml"), environment)["contactPoints"]
    (chosen,) = [point for point in points if point["name"] == policy["receiver"]]
    receivers: list[dict[str, Any]] = chosen["receivers"]
    return receivers


def test_without_any_setting_nothing_is_sent() -> None:
    (receiver,) = told({})
    assert receiver["type"] == "webhook"
    address = urlsplit(receiver["settings"]["url"])
    assert (address.scheme, address.netloc, address.path) == ("", "", "")


@pytest.mark.parametrize("environment", [{}, {"TIDEMARK_ALERTS_TO": "-all"}])
def test_no_setting_is_empty_as_grafana_would_not_start(environment: dict[str, str]) -> None:
    for point in expanded(document("alerting/contact-points.yaml"), environment)["contactPoints"]:
        for receiver in point["receivers"]:
            needed = {"webhook": "url", "email": "addresses"}[receiver["type"]]
            assert receiver["settings"][needed]


def test_a_webhook_gets_its_address_and_its_token() -> None:
    (receiver,) = told(
        {
            "TIDEMARK_ALERTS_TO": "-webhook",
            "TIDEMARK_ALERTS_WEBHOOK_URL": "https://hooks.example.org/a?b=c",
            "TIDEMARK_ALERTS_WEBHOOK_TOKEN": "secret",
        }
    )
    address = urlsplit(receiver["settings"]["url"])
    assert address._replace(fragment="").geturl() == "https://hooks.example.org/a?b=c"
    assert receiver["settings"]["authorization_credentials"] == "secret"


def test_mail_goes_to_all_addresses() -> None:
    (receiver,) = told(
        {"TIDEMARK_ALERTS_TO": "-email", "TIDEMARK_ALERTS_EMAIL": "a@example.org;b@example.org"}
    )
    addresses = [each for each in re.split("[,;\n]", receiver["settings"]["addresses"]) if each]
    assert addresses == ["a@example.org", "b@example.org"]


def test_both_ways_at_once() -> None:
    assert [receiver["type"] for receiver in told({"TIDEMARK_ALERTS_TO": "-all"})] == [
        "webhook",
        "email",
    ]


def test_there_is_one_policy_and_every_uid_is_its_own() -> None:
    assert len(document("alerting/policies.yaml")["policies"]) == 1
    points = document("alerting/contact-points.yaml")["contactPoints"]
    uids = [receiver["uid"] for point in points for receiver in point["receivers"]]
    assert len(set(uids)) == len(uids)
    assert all(len(uid) <= 40 for uid in uids)
