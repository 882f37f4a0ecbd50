from __future__ import annotations

from pathlib import Path

import pytest

from tidemark.config import Settings, load_settings, load_with_origins
from tidemark.errors import ConfigError, Problem
from tidemark.redaction import redact

WORKERS = "a whole number from 1 to 256"
TIMEOUT = "a number, above 0, at most 3600"
NAME = "text, not empty, at most 255 characters"
SERIES = "sqlite:PATH, http://HOST:PORT, https://HOST:PORT or null:"
ZONE = "a time zone of the IANA database, such as UTC or Europe/Berlin"
TRUE = "write true without quotes"


@pytest.fixture(autouse=True)
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def problems(environ: dict[str, str] | None = None) -> dict[str, Problem]:
    with pytest.raises(ConfigError) as caught:
        load_settings(environ=environ or {})
    return {problem.path: problem for problem in caught.value.problems}


def test_without_anything_the_defaults_hold() -> None:
    assert load_settings(environ={}) == Settings()


def test_each_layer_goes_before_the_one_below(room: Path) -> None:
    (room / "config.yaml").write_text(
        "run: {workers: 2}\nengine: {key_groups: 2}\ntopics: {partitions: 2}\n"
    )
    (room / ".env").write_text("TIDEMARK_ENGINE__KEY_GROUPS=3\nTIDEMARK_TOPICS__PARTITIONS=3\n")
    settings = load_settings(environ={"TIDEMARK_TOPICS__PARTITIONS": "4"})
    assert settings.run.processes == 1
    assert settings.run.workers == 2
    assert settings.engine.key_groups == 3
    assert settings.topics.partitions == 4


def test_the_origin_of_each_value_is_told(room: Path) -> None:
    (room / "config.yaml").write_text("run:\n  workers: 2\n")
    (room / ".env").write_text("\nTIDEMARK_ENGINE__KEY_GROUPS=3\n")
    (room / "token").write_text("secret")
    environ = {"KAFKA_GROUP_ID": "x", "INFLUX_TOKEN_FILE": "token"}
    origins = load_with_origins(environ=environ).origins
    assert origins["run", "processes"] == "default"
    assert origins["run", "workers"] == "config.yaml:2"
    assert origins["engine", "key_groups"] == ".env:2 TIDEMARK_ENGINE__KEY_GROUPS"
    assert origins["kafka", "group_id"] == "environment KAFKA_GROUP_ID"
    assert origins["series", "influx_token"] == "file token (environment INFLUX_TOKEN_FILE)"


def test_another_name_in_a_higher_layer_wins(room: Path) -> None:
    (room / ".env").write_text("MONGO_URI=mongodb://low\n")
    settings = load_settings(environ={"TIDEMARK_DOCUMENTS__URLS": "sqlite:high"})
    assert settings.documents.urls == ("sqlite:high",)


def test_a_layer_replaces_lists_and_mappings_as_a_whole(room: Path) -> None:
    (room / "config.yaml").write_text(
        "documents: {urls: ['sqlite:a', 'null:']}\nkafka: {client: {a.b: 1, c.d: 2}}\n"
    )
    environ = {"MONGO_URI": "mongodb://h", "TIDEMARK_KAFKA__CLIENT": "{e.f: 3}"}
    settings = load_settings(environ=environ)
    assert settings.documents.urls == ("mongodb://h",)
    assert settings.kafka.client == {"e.f": 3}


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEMARK_RUN__WORKERS", "7")
    assert load_settings().run.workers == 7


def test_the_file_is_chosen_by_argument_then_variable_then_place(room: Path) -> None:
    for number, name in enumerate(["config.yaml", "second.yaml", "third.yaml"], start=1):
        (room / name).write_text(f"run: {{workers: {number}}}\n")
    second = {"TIDEMARK_CONFIG": "second.yaml"}
    assert load_settings(environ={}).run.workers == 1
    assert load_settings(environ=second).run.workers == 2
    assert load_settings(room / "third.yaml", second).run.workers == 3


def test_dotenv_may_name_the_file(room: Path) -> None:
    (room / "second.yaml").write_text("run: {workers: 2}\n")
    (room / ".env").write_text("TIDEMARK_CONFIG=second.yaml\n")
    assert load_settings(environ={}).run.workers == 2


def test_a_named_file_must_be_there() -> None:
    assert "No such file" in problems({"TIDEMARK_CONFIG": "no.yaml"})["no.yaml"].expected


def test_dotenv_can_be_left_out(room: Path) -> None:
    (room / ".env").write_text("TIDEMARK_RUN__WORKERS=3\n")
    assert load_settings(environ={}, dotenv=None).run.workers == 1


def test_a_wrong_value_that_a_higher_layer_replaces_does_no_harm(room: Path) -> None:
    (room / "config.yaml").write_text("run: {workers: none}\n")
    assert load_settings(environ={"TIDEMARK_RUN__WORKERS": "2"}).run.workers == 2


@pytest.mark.parametrize(
    ("text", "path", "value", "expected", "remedy"),
    [
        ("run: {workers: 0}", "run.workers", "0", WORKERS, ""),
        ("run: {workers: 1.5}", "run.workers", "1.5", WORKERS, ""),
        ("run: {workers: true}", "run.workers", "true", WORKERS, ""),
        ("run: {workers: null}", "run.workers", "null", WORKERS, ""),
        ("run: {workers: '2'}", "run.workers", "'2'", WORKERS, "write 2 without quotes"),
        ("run: {workers: [1]}", "run.workers", "[1]", WORKERS, ""),
        ("source: {until_end: 'yes'}", "source.until_end", "'yes'", "true or false", TRUE),
        ("source: {start: x}", "source.start", "'x'", "one of earliest, latest", ""),
        ("stores: {timeout_s: .nan}", "stores.timeout_s", ".nan", TIMEOUT, ""),
        ("stores: {timeout_s: .inf}", "stores.timeout_s", ".inf", TIMEOUT, ""),
        ("kafka: {group_id: 7}", "kafka.group_id", "7", NAME, ""),
        ("kafka: {group_id: ''}", "kafka.group_id", "''", NAME, ""),
        ("series: {urls: ['null:', 'x://h']}", "series.urls[1]", "'x://h'", SERIES, ""),
        ("series: {urls: [x]}", "series.urls[0]", "******", SERIES, ""),
        ("time: {time_zone: utc}", "time.time_zone", "'utc'", ZONE, "did you mean UTC?"),
    ],
)
def test_wrong_values_are_explained(
    room: Path, text: str, path: str, value: str, expected: str, remedy: str
) -> None:
    (room / "config.yaml").write_text(f"\n{text}\n")
    assert problems() == {path: Problem(path, value, expected, remedy, "config.yaml:2")}


def test_wrong_values_of_the_environment_are_explained() -> None:
    name = "TIDEMARK_RUN__WORKERS"
    found = problems({name: "many"})["run.workers"]
    assert (found.value, found.origin) == ("'many'", f"environment {name}")


def test_settings_that_do_not_fit_each_other_are_explained() -> None:
    found = problems({"TIDEMARK_KAFKA__SECURITY_PROTOCOL": "SASL_SSL"})
    assert set(found) == {"kafka.sasl_mechanism", "kafka.sasl_username", "kafka.sasl_password"}
    assert "KAFKA_SASL_PASSWORD" in found["kafka.sasl_password"].remedy


def test_the_generators_settings_are_part_of_the_tree(room: Path) -> None:
    (room / "config.yaml").write_text("generator: {rate: 5, interval_s: 2}\n")
    found = problems()["generator"]
    assert "rate and interval_s" in found.expected


def test_all_problems_of_all_layers_are_reported_at_once(room: Path) -> None:
    (room / "config.yaml").write_text(
        """\
kafka:
  bootstrap_servers: host:99999
  sasl_password: hunter2hunter2
  client: {group.id: x, sasl.password: hunter2hunter2}
enigne: {}
engine: {key_groups: 0, key_groups: 1}
run: 5
documents: {urls: ["mongodb://u:hunter2hunter2@h", "sqlite:"]}
series: {urls: [ftp://h, http://]}
time: {time_zone: Mars/Olympus, idle_after_s: soon}
logging: {level: loud}
generator: {count: -1}
"""
    )
    (room / ".env").write_text("TIDEMARK_TOPICS__PARTITIONS=none\nBAD LINE'\n")
    environ = {
        "TIDEMARK_STORES__LANES": "0",
        "TIDEMARK_STORES__LANE": "1",
        "INFLUX_TOKEN": "hunter2hunter2",
        "INFLUX_TOKEN_FILE": "/nowhere",
    }
    assert set(problems(environ)) == {
        "kafka.bootstrap_servers",
        "kafka.sasl_password",
        "kafka.client.group.id",
        "kafka.client.sasl.password",
        "enigne",
        "engine.key_groups",
        "run",
        "documents.urls",
        "series.urls[0]",
        "series.urls[1]",
        "time.time_zone",
        "time.idle_after_s",
        "logging.level",
        "generator.count",
        "topics.partitions",
        ".env:2",
        "TIDEMARK_STORES__LANE",
        "stores.lanes",
        "series.influx_token",
        "INFLUX_TOKEN_FILE",
    }


def test_a_refused_secret_is_reported_once(room: Path) -> None:
    (room / "config.yaml").write_text(
        "kafka:\n  security_protocol: SASL_SSL\n  sasl_mechanism: PLAIN\n"
        "  sasl_username: me\n  sasl_password: hunter2hunter2\n"
    )
    assert set(problems()) == {"kafka.sasl_password"}


def test_a_refused_secret_stays_refused_if_the_environment_has_one(room: Path) -> None:
    (room / "config.yaml").write_text("series: {influx_token: hunter2hunter2}\n")
    assert set(problems({"INFLUX_TOKEN": "other"})) == {"series.influx_token"}


def test_secrets_reach_the_settings() -> None:
    settings = load_settings(
        environ={"MONGO_URI": "mongodb://u:hunter2hunter2@h", "INFLUX_TOKEN": "tok3n-tok3n"}
    )
    assert settings.documents.urls == ("mongodb://u:hunter2hunter2@h",)
    assert settings.series.influx_token is not None
    assert settings.series.influx_token.get_secret_value() == "tok3n-tok3n"


def test_secrets_are_registered_for_redaction() -> None:
    environ = {"MONGO_URI": "mongodb://u:first%2Fpassword@h", "INFLUX_TOKEN": "me:second-password"}
    load_settings(environ=environ)
    assert redact("first/password second-password") == "****** ******"
