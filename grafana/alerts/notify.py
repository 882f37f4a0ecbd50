"""Who is told: contact points and the policy, from the environment.

Grafana has no defaults for variables in these files, refuses an empty address, and does not start
with a policy that names no contact point. So each value here is a fixed part and a variable:
without any variable the policy names `tidemark`, whose webhook has no address to send to.

They are variables of Grafana's process, not settings of Tidemark's:

* `TIDEMARK_ALERTS_TO`: `-webhook`, `-email` or `-all`; empty: nowhere
* `TIDEMARK_ALERTS_WEBHOOK_URL`, `TIDEMARK_ALERTS_WEBHOOK_TOKEN`
* `TIDEMARK_ALERTS_EMAIL`: addresses with semicolons between them; needs Grafana's SMTP settings
"""

from __future__ import annotations

from typing import Any, Final

NAME: Final = "tidemark"
TO: Final = "TIDEMARK_ALERTS_TO"
URL: Final = "TIDEMARK_ALERTS_WEBHOOK_URL"
TOKEN: Final = "TIDEMARK_ALERTS_WEBHOOK_TOKEN"
EMAIL: Final = "TIDEMARK_ALERTS_EMAIL"


def contact_points() -> dict[str, Any]:
    """Return the contact points: nowhere, by webhook, by e-mail, by both."""
    return {
        "apiVersion": 1,
        "contactPoints": [
            _contact_point(NAME, _webhook(f"{NAME}-nowhere", "#", {})),
            _contact_point(f"{NAME}-webhook", _hook(f"{NAME}-webhook")),
            _contact_point(f"{NAME}-email", _email(f"{NAME}-email")),
            _contact_point(
                f"{NAME}-all", _hook(f"{NAME}-all-webhook"), _email(f"{NAME}-all-email")
            ),
        ],
    }


def policies() -> dict[str, Any]:
    """Return the one policy: everything goes to one contact point, alerts of a rule together."""
    return {
        "apiVersion": 1,
        "policies": [
            {
                "orgId": 1,
                "receiver": f"{NAME}${{{TO}}}",
                "group_by": ["grafana_folder", "alertname"],
                "group_wait": "30s",
                "group_interval": "5m",
                "repeat_interval": "4h",
            }
        ],
    }


def _contact_point(name: str, *receivers: dict[str, Any]) -> dict[str, Any]:
    return {"orgId": 1, "name": name, "receivers": list(receivers)}


def _hook(uid: str) -> dict[str, Any]:
    # What stands behind # is not sent: it only keeps the address from being empty.
    token = {"authorization_scheme": "Bearer", "authorization_credentials": f"${{{TOKEN}}}"}
    return _webhook(uid, f"${{{URL}}}#", token)


def _webhook(uid: str, url: str, more: dict[str, Any]) -> dict[str, Any]:
    return {
        "uid": uid,
        "type": "webhook",
        "disableResolveMessage": False,
        "settings": {"url": url, "httpMethod": "POST", **more},
    }


def _email(uid: str) -> dict[str, Any]:
    return {
        "uid": uid,
        "type": "email",
        "disableResolveMessage": False,
        "settings": {"addresses": f"${{{EMAIL}}};", "singleEmail": True},
    }
