"""Settings of alerts: rules over windows, and who is told."""

from __future__ import annotations

import re
from string import Formatter
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, SecretStr, field_validator

from tidemark.config.base import Env, Expected, Section, wrong
from tidemark.config.channels import ChannelSettings, NotifySettings, Severity, named_urls
from tidemark.config.types import Name, TopicName

Operator: TypeAlias = Literal[">", ">=", "<", "<="]

BUILT_IN = ("low_stock", "out_of_stock")
"""Rules of the inventory pipeline, which need no setting."""

PLACES = (
    "rule",
    "subject",
    "value",
    "threshold",
    "op",
    "metric",
    "pipeline",
    "window_start",
    "window_s",
)
"""What a message may name in braces."""

_RULE_NAME = "1 to 100 letters, digits, dots, underscores or hyphens"
_RULES = "a list of rules, each with name, pipeline, metric, op and threshold"
_CHANNELS = "a mapping of names; each value a mapping with min_severity, rules, ends"
_TEMPLATE = f"text with no other braces than {', '.join(f'{{{name}}}' for name in PLACES)}"
_NUMBERS = ("value", "threshold")
_FORM = re.compile(r",?(\.\d{1,2}f)?")


def _check_name(name: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9._-]{1,100}", name) is None:
        raise wrong(_RULE_NAME)
    return name


def _check_template(text: str) -> str:
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        raise wrong(_TEMPLATE, f"{error}; a brace itself is written twice") from None
    for _, name, form, conversion in parts:
        if name is None:
            continue
        if name not in PLACES:
            raise wrong(
                _TEMPLATE, f"{{{name}}} means nothing here; a brace itself is written twice"
            )
        if conversion or (form and (name not in _NUMBERS or _FORM.fullmatch(form) is None)):
            raise wrong(_TEMPLATE, "write {value}, {value:.2f} or {value:,}")
    return text


RuleName = Annotated[str, AfterValidator(_check_name), Expected(_RULE_NAME)]
Template = Annotated[
    str, Field(min_length=1, max_length=1000), AfterValidator(_check_template), Expected(_TEMPLATE)
]


class RuleSettings(Section):
    """When an alert begins and ends."""

    name: RuleName
    """What it is called: the first part of the ids of its alerts."""

    pipeline: Name
    """Whose windows are looked at."""

    metric: Name
    """Field of a window's document, into maps by a dotted path; with `per` a number of each key."""

    per: Name | None = None
    """user, item, ip, …: each of them by itself; null: the window as a whole."""

    op: Operator
    """How the value must compare with the threshold for the rule to hold."""

    threshold: float
    """What the value is compared with; money in units of the currency."""

    for_windows: Annotated[int, Field(ge=1, le=100_000)] = 1
    """The alert begins when the rule has held in so many windows without a gap."""

    cooldown_s: Annotated[float, Field(ge=0, le=31_536_000)] = 0.0
    """After its end the same alert does not begin again for so long, in event time."""

    severity: Severity = "warning"
    """How bad it is."""

    message: Template = "{subject}: {metric} is {value}, threshold {op} {threshold}"
    """What is said when it begins."""

    end_message: Template = "{subject}: {metric} is {value} again, threshold {op} {threshold}"
    """What is said when it ends."""

    enabled: bool = True
    """Whether it is looked at."""


def _each_once(rules: tuple[RuleSettings, ...]) -> tuple[RuleSettings, ...]:
    names = [rule.name for rule in rules]
    for name in names:
        if names.count(name) > 1:
            raise wrong("each rule's name once", f"there are several rules {name}: rename them")
        if name in BUILT_IN:
            raise wrong(f"other names than {', '.join(BUILT_IN)}", "those rules are built in")
    return rules


class AlertsSettings(Section):
    """What is told when something begins and when it ends."""

    topic: TopicName | None = "alerts"
    """Topic that gets each alert as JSON; null: none."""

    rules: Annotated[
        tuple[RuleSettings, ...],
        Field(strict=False),
        AfterValidator(_each_once),
        Expected(_RULES),
    ] = ()
    """Rules over the final windows of the pipelines; docs/alerts.md shows some."""

    channels: Annotated[dict[Name, ChannelSettings], Expected(_CHANNELS)] = Field({})
    """What each channel gets, by its name; a channel that is not here gets everything."""

    notify_urls: Annotated[SecretStr | None, Env("NOTIFY_URLS")] = None
    """Who is told: `name=URL` for each channel, separated by blanks or lines; URLs of Apprise, such
    as `mailto://`, `slack://`, `json://`."""

    notify: NotifySettings = NotifySettings()

    @field_validator("notify_urls")
    @classmethod
    def _check_urls(cls, urls: SecretStr | None) -> SecretStr | None:
        if urls is not None:
            named_urls(urls.get_secret_value())
        return urls

    def channel_urls(self) -> dict[str, str]:
        """Return the URL of each channel, secrets included."""
        urls = self.notify_urls
        return {} if urls is None else named_urls(urls.get_secret_value())

    def channel(self, name: str) -> ChannelSettings:
        """Return what a channel gets."""
        return self.channels.get(name) or ChannelSettings()
