from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tidemark.config import Settings
from tidemark.config.descriptions import description
from tidemark.config.kafka import SourceSettings
from tidemark.config.stores import StoresSettings
from tidemark.config.tree import Leaf, leaves

# The data contract and the commands rely on these.
PROMISED: dict[str, Any] = {
    "kafka.bootstrap_servers": "localhost:9092",
    "kafka.group_id": "tidemark",
    "kafka.start_timeout_s": 30.0,
    "kafka.at_start": "retry",
    "kafka.client": {},
    "kafka.security_protocol": "PLAINTEXT",
    "kafka.sasl_mechanism": None,
    "kafka.sasl_username": None,
    "kafka.sasl_password": None,
    "kafka.ssl_ca_location": None,
    "topics.partitions": 3,
    "topics.replication_factor": 1,
    "source.batch_size": 20_000,
    "source.epoch_bytes": 536_870_912,
    "source.max_message_bytes": 1_048_576,
    "source.max_id_length": 256,
    "source.max_distinct_types": 1000,
    "source.start": "earliest",
    "source.on_missing_offset": "fail",
    "source.until_end": False,
    "time.out_of_orderness_s": 5.0,
    "time.idle_after_s": 10.0,
    "time.max_future_skew_s": 60.0,
    "time.time_zone": "UTC",
    "engine.key_groups": 16,
    "engine.epoch_interval_s": 2,
    "recovery.directory": Path("var/recovery"),
    "recovery.partitions": 4,
    "recovery.backup_interval_s": 0,
    "pipelines.only": None,
    "pipelines.own": (),
    **{
        f"pipelines.{name}.enabled": "auto"
        for name in (
            "interactions",
            "logins",
            "processed_logins",
            "activity",
            "sales",
            "inventory",
            "funnel",
            "sessions",
        )
    },
    **{f"pipelines.{name}.raw_data": False for name in ("interactions", "logins")},
    **{f"pipelines.{name}.raw_data": True for name in ("activity", "sales", "inventory")},
    **{f"pipelines.{name}.window_s": 10 for name in ("activity", "sales", "inventory")},
    **{f"pipelines.{name}.window_s": 60 for name in ("processed_logins", "funnel", "sessions")},
    "pipelines.logins.topic": "user-login",
    "pipelines.logins.window_s": 30,
    "pipelines.logins.top_k": 10,
    "pipelines.logins.exact_keys": 1_000_000,
    "pipelines.logins.output_topic": "device-login-aggregates",
    "pipelines.processed_logins.topic": "user-login",
    "pipelines.processed_logins.raw_data": False,
    "pipelines.processed_logins.output_topic": "processed-user-login",
    "pipelines.processed_logins.device_types": ("android",),
    "pipelines.processed_logins.categories": {},
    "pipelines.processed_logins.suspicious_locales": ("RU", "CN", "KP", "IR"),
    "pipelines.processed_logins.max_locales_per_device": None,
    "pipelines.processed_logins.max_logins_per_ip": None,
    "pipelines.activity.topic": "user_activity",
    "pipelines.sales.topic": "sales",
    "pipelines.sales.top_k": 10,
    "pipelines.inventory.topic": "inventory",
    "pipelines.funnel.of": "activity",
    "pipelines.funnel.steps": ("view", "click", "purchase"),
    "pipelines.sessions.of": "activity",
    "pipelines.sessions.gap_s": 1800.0,
    "alerts.topic": "alerts",
    "alerts.rules": (),
    "alerts.channels": {},
    "alerts.notify_urls": None,
    "alerts.notify.enabled": True,
    "alerts.notify.state": Path("var/notify.db"),
    "alerts.notify.max_age_s": 3600.0,
    "alerts.notify.per_minute": 10,
    "alerts.notify.bundle_s": 1.0,
    "alerts.notify.timeout_s": 10.0,
    "documents.raw_data_ttl_s": None,
    "pipelines.interactions.topic": "user_interactions",
    "pipelines.interactions.window_s": 10,
    "pipelines.interactions.top_k": 10,
    "pipelines.interactions.dedupe_by": None,
    "documents.urls": ("sqlite:var/tidemark.db",),
    "documents.at_start": "retry",
    "documents.database": "tidemark",
    "documents.aggregated_data_ttl_s": None,
    "series.urls": ("sqlite:var/tidemark.db",),
    "series.at_start": "retry",
    "series.influx_org": "-",
    "series.influx_bucket": "tidemark",
    "series.influx_token": None,
    "stores.lanes": 4,
    "stores.queue_commands": 64,
    "stores.give_up_after_s": 300.0,
    "stores.timeout_s": 10.0,
    "run.processes": 1,
    "run.workers": 1,
    "run.addresses": None,
    "run.member": None,
    "dashboard.host": "127.0.0.1",
    "dashboard.port": 8050,
    "dashboard.token": None,
    "dashboard.refresh_interval_s": 2.0,
    "logging.level": "info",
    "logging.format": "auto",
    "observability.enabled": True,
    "observability.host": "127.0.0.1",
    "observability.port": 9464,
    "observability.probe_timeout_s": 3.0,
}


def value_of(settings: Settings, path: str) -> Any:
    value: Any = settings
    for name in path.split("."):
        value = getattr(value, name)
    return value


@pytest.mark.parametrize("path", PROMISED)
def test_the_default_is_as_promised(path: str) -> None:
    assert value_of(Settings(), path) == PROMISED[path]


def test_every_setting_has_a_promised_default() -> None:
    ours = {leaf.path for leaf in leaves().values() if leaf.route[0] != "generator"}
    assert ours == set(PROMISED)


def test_defaults_are_valid_when_written_out() -> None:
    assert Settings.model_validate(Settings().model_dump()) == Settings()


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().engine.key_groups = 3  # type: ignore[misc]


def test_settings_survive_the_way_between_processes() -> None:
    assert pickle.loads(pickle.dumps(Settings())) == Settings()


@pytest.mark.parametrize(
    "leaf",
    [leaf for leaf in leaves().values() if leaf.route[0] != "generator"],
    ids=lambda leaf: leaf.path,
)
def test_every_setting_has_a_description(leaf: Leaf) -> None:
    assert description(leaf).endswith(".")


def test_a_record_must_fit_an_epoch() -> None:
    with pytest.raises(ValidationError, match="which is 1000"):
        SourceSettings(epoch_bytes=1000, max_message_bytes=1001)
    assert SourceSettings(epoch_bytes=1000, max_message_bytes=1000).epoch_bytes == 1000


def test_whole_numbers_do_for_seconds() -> None:
    assert StoresSettings.model_validate({"timeout_s": 3}).timeout_s == 3.0
