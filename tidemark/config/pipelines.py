"""Settings of the pipelines, one section each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tidemark.config.base import Section
from tidemark.config.types import ClassPath, Name, TopicName

Window = Annotated[int, Field(ge=1, le=86_400)]
TopK = Annotated[int, Field(ge=1, le=1000)]
PipelineName = Literal[
    "interactions",
    "logins",
    "processed_logins",
    "activity",
    "sales",
    "inventory",
    "funnel",
    "sessions",
]


class PipelineSection(Section):
    """What every pipeline has."""

    fixed: ClassVar[tuple[str, ...]] = ("window_s",)
    """What the state in a recovery store depends on."""

    enabled: bool | Literal["auto"] = "auto"
    """Run this pipeline; auto: if its topic is there at start."""

    window_s: Window = 10
    """Length of a window; windows are aligned to the Unix epoch."""


class StreamSection(PipelineSection):
    """What a pipeline with a topic of its own has."""

    fixed: ClassVar[tuple[str, ...]] = ("topic", "window_s")

    topic: TopicName
    """Topic to read; rejects go to `<topic>.dlq`, late records to `<topic>.late`."""

    raw_data: bool = False
    """Keep each valid record, late ones too, as it came in collection `raw_data`."""


class InteractionsSettings(StreamSection):
    """Who does what, how often."""

    fixed: ClassVar[tuple[str, ...]] = ("topic", "window_s", "dedupe_by")

    topic: TopicName = "user_interactions"
    """Topic to read; rejects go to `<topic>.dlq`, late records to `<topic>.late`."""

    top_k: TopK = 10
    """Entries of `top_items` and `top_users`."""

    dedupe_by: Literal["event_id"] | None = None
    """Count events that agree in this field, user, item and type once in a window; null: off."""


class LoginsSettings(StreamSection):
    """Who logs in, from what and from where."""

    fixed: ClassVar[tuple[str, ...]] = ("topic", "window_s", "exact_keys")

    topic: TopicName = "user-login"
    """Topic to read; rejects go to `<topic>.dlq`, late records to `<topic>.late`."""

    window_s: Window = 30
    """Length of a window; windows are aligned to the Unix epoch."""

    top_k: TopK = 10
    """Entries of `frequent_ips`."""

    exact_keys: Annotated[int, Field(ge=1, le=1_000_000_000)] = 1_000_000
    """Devices, and addresses, of a window up to which they are counted exactly, each key group
    having an equal share of them; a group with more goes over to a sketch that is off by 2 % or so,
    and the document says so."""

    output_topic: TopicName | None = "device-login-aggregates"
    """Topic that gets each window's document as JSON; null: none."""


class ProcessedLoginsSettings(StreamSection):
    """Logins of some device types, record by record, with what is odd about them."""

    topic: TopicName = "user-login"
    """Topic to read; rejects go to `<topic>.dlq`, late records to `<topic>.late`."""

    window_s: Window = 60
    """Length of a window; windows are aligned to the Unix epoch."""

    output_topic: TopicName = "processed-user-login"
    """Topic that gets the processed records."""

    device_types: Annotated[tuple[Name, ...], Field(strict=False)] = ("android",)
    """Device types whose logins are taken, in any case of letters; empty: all."""

    categories: dict[Name, Literal["Mobile", "Tablet", "Desktop"]] = Field({})
    """Category of a device type, on top of the usual ones."""

    suspicious_locales: Annotated[tuple[Name, ...], Field(strict=False)] = (
        "RU",
        "CN",
        "KP",
        "IR",
    )
    """Locales that make a login an anomaly (`suspicious_locale`); a demonstration."""

    max_locales_per_device: Annotated[int, Field(ge=1)] | None = None
    """Locales that a device may have in a window, among the logins that are taken from its
    partition; its logins beyond that are anomalies (`many_locales`); null: off."""

    max_logins_per_ip: Annotated[int, Field(ge=1)] | None = None
    """Logins that may come from an address in a window, of those that are taken from its partition;
    further ones are anomalies (`frequent_ip`); null: off."""

    @property
    def looks_back(self) -> bool:
        """Whether a rule compares logins with those before them."""
        return self.max_locales_per_device is not None or self.max_logins_per_ip is not None


class ActivitySettings(StreamSection):
    """What users do on the site."""

    topic: TopicName = "user_activity"
    """Topic to read; rejects go to `<topic>.dlq`, late records to `<topic>.late`."""

    raw_data: bool = True
    """Keep each valid record, late ones too, as it came in collection `raw_data`."""


class SalesSettings(StreamSection):
    """What is sold, for how much."""

    topic: TopicName = "sales"
    """Topic to read; rejects go to `<topic>.dlq`, late records to `<topic>.late`."""

    raw_data: bool = True
    """Keep each valid record, late ones too, as it came in collection `raw_data`."""

    top_k: TopK = 10
    """Entries of `by_product`: those with the largest revenue."""


class InventorySettings(StreamSection):
    """What is in stock, and what is not."""

    topic: TopicName = "inventory"
    """Topic to read; rejects go to `<topic>.dlq`, late records to `<topic>.late`."""

    raw_data: bool = True
    """Keep each valid record, late ones too, as it came in collection `raw_data`."""


class FunnelSettings(PipelineSection):
    """How many users get from one step to the next within a window."""

    fixed: ClassVar[tuple[str, ...]] = ("of", "window_s")

    of: Literal["activity", "interactions"] = "activity"
    """Pipeline whose topic is read."""

    window_s: Window = 60
    """Length of a window; windows are aligned to the Unix epoch."""

    steps: Annotated[tuple[Name, ...], Field(strict=False, min_length=2, max_length=10)] = (
        "view",
        "click",
        "purchase",
    )
    """Types, in order."""


class SessionsSettings(PipelineSection):
    """How long users stay, and how much they do meanwhile."""

    fixed: ClassVar[tuple[str, ...]] = ("of", "window_s", "gap_s")

    of: Literal["activity", "interactions"] = "activity"
    """Pipeline whose topic is read."""

    window_s: Window = 60
    """Length of a window; a session counts in the window of its last event."""

    gap_s: Annotated[float, Field(gt=0, le=86_400)] = 1800.0
    """A user who does nothing for longer begins a new session."""


class PipelinesSettings(Section):
    """What is computed."""

    only: Annotated[tuple[PipelineName, ...] | None, Field(strict=False)] = None
    """Run these pipelines and no other, enabled or not; null: those that are enabled."""

    own: Annotated[tuple[ClassPath, ...], Field(strict=False)] = ()
    """Pipelines of one's own to run as well, as `package.module:Class`."""

    interactions: InteractionsSettings = InteractionsSettings()
    logins: LoginsSettings = LoginsSettings()
    processed_logins: ProcessedLoginsSettings = ProcessedLoginsSettings()
    activity: ActivitySettings = ActivitySettings()
    sales: SalesSettings = SalesSettings()
    inventory: InventorySettings = InventorySettings()
    funnel: FunnelSettings = FunnelSettings()
    sessions: SessionsSettings = SessionsSettings()

    def wanted(self) -> Iterator[tuple[str, PipelineSection, bool]]:
        """Yield the pipelines to run: name, section, and whether the topic must be there."""
        for name in type(self).model_fields:
            section = getattr(self, name)
            if not isinstance(section, PipelineSection):
                continue
            if self.only is not None:
                if name in self.only:
                    yield name, section, True
            elif section.enabled:
                yield name, section, section.enabled is True

    def topic_of(self, name: str) -> str:
        """Return the topic that a pipeline reads."""
        section = getattr(self, name)
        if isinstance(section, StreamSection):
            return section.topic
        return self.topic_of(section.of)
