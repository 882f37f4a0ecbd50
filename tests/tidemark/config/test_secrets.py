"""Secrets are planted wherever a user may put one, and looked for wherever text comes out."""

from __future__ import annotations

import io
import json
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidemark.config import load_settings, load_with_origins
from tidemark.config.present import plain, rows, shown_value
from tidemark.config.surface import LoggingSettings
from tidemark.errors import ConfigError
from tidemark.log import configure_logging, get_logger

SECRET = "hunter2-4711"


@pytest.fixture(autouse=True)
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    configure_logging(LoggingSettings(format="json"), stream=stream)
    yield stream
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)


def everything_about(error: ConfigError) -> str:
    return "\n".join(
        [
            str(error),
            repr(error),
            repr(error.problems),
            error.message,
            error.remedy,
            "".join(traceback.format_exception(error)),
        ]
    )


def failure(environ: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(environ=environ)
    return everything_about(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        f"kafka: {{sasl_password: {SECRET}}}",
        f"kafka: {{sasl_password: [{SECRET}, {{a: {SECRET}}}]}}",
        f"kafka: {{sasl_pasword: {SECRET}}}",
        f"kafka: {{password: {SECRET}}}",
        f"kafka: {SECRET}",
        f"kafka: [{SECRET}]",
        f"kafka: {{client: {{sasl.password: {SECRET}}}}}",
        f"kafka: {{client: {{ssl.key.password: [{SECRET}]}}}}",
        f"kafka: {{client: {{sasl.jaas.config: 'x password={SECRET}'}}}}",
        f"kafka: {{bootstrap_servers: 'SASL_SSL://me:{SECRET}@h:1'}}",
        f"series: {{influx_token: {SECRET}}}",
        f"series: {{token: {SECRET}}}",
        f"series: {{urls: ['http://me:{SECRET}@h']}}",
        f"series: {{urls: 'http://h?token={SECRET}'}}",
        f"series: {{urls: {{token: {SECRET}}}}}",
        f"documents: {{urls: ['mongodb://me:{SECRET}@h']}}",
        f"documents: {{urls: ['mongodb://me:{SECRET} @ h@h']}}",
        f"documents: {{urls: ['mongodb:me:{SECRET}@h']}}",
        f"documents: {{urls: [{SECRET}]}}",
        f"documents: {{uri: 'mongodb://me:{SECRET}@h'}}",
        f"documents: {{database: 'mongodb://me:{SECRET}@h'}}",
        f"influx_token: {SECRET}",
        f"influx_token: *{SECRET}",
        f"influx_token: !{SECRET} x",
        f"influx_token: '{SECRET}",
        f"series: {{influx_token: {SECRET}, influx_token: {SECRET}}}",
    ],
)
def test_no_problem_of_config_yaml_shows_a_secret(room: Path, text: str) -> None:
    (room / "config.yaml").write_text(text + "\n")
    assert SECRET not in failure({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TIDEMARK_KAFKA__PASSWORD", SECRET),
        ("TIDEMARK_KAFKA__CLIENT", f"{{sasl.password: {SECRET}}}"),
        ("TIDEMARK_KAFKA__CLIENT", f"{{sasl.password: {SECRET}"),
        ("MONGO_URI", SECRET),
        ("MONGO_URI", f"mongodb:me:{SECRET}@h"),
        ("MONGO_URI", f"mongo://me:{SECRET}@h"),
        ("MONGO_URI", f"mongodb://me:{SECRET}@h@h"),
        ("MONGO_URI", f"mongodb://me:{SECRET}:x@h"),
        ("MONGO_URI", f"mongodb://me:{SECRET} x/y@h"),
        ("MONGO_URI", f"mongodb://me:{SECRET}@h:99999"),
        ("TIDEMARK_DOCUMENTS__URLS", f"[mongodb://me:{SECRET}@h"),
        ("TIDEMARK_DOCUMENTS__URLS", f"null:,mongodb://me:{SECRET}@h:0,sqlite:"),
        ("INFLUX_URL", f"http://me:{SECRET}@h"),
        ("INFLUX_URL", f"http://:99999?token={SECRET}"),
    ],
)
@pytest.mark.parametrize("layer", ["environment", ".env"])
def test_no_problem_of_the_environment_shows_a_secret(
    room: Path, layer: str, name: str, value: str
) -> None:
    if layer == ".env":
        (room / ".env").write_text(f"{name}='{value}'\n")
    assert SECRET not in failure({name: value} if layer == "environment" else {})


@pytest.mark.parametrize("name", ["MONGO_URI_FILE", "INFLUX_URL_FILE"])
def test_no_problem_of_a_file_shows_what_is_in_it(room: Path, name: str) -> None:
    (room / "secret").write_text(SECRET)
    assert SECRET not in failure({name: "secret"})


def test_contradictions_do_not_show_a_secret(room: Path) -> None:
    (room / "secret").write_text(SECRET)
    environ = {
        "INFLUX_TOKEN": SECRET,
        "INFLUX_TOKEN_FILE": "secret",
        "TIDEMARK_SERIES__INFLUX_TOKEN": "x" + SECRET,
        "MONGO_URI": f"mongodb://a:{SECRET}@h",
        "TIDEMARK_DOCUMENTS__URLS": f"mongodb://b:{SECRET}@h",
    }
    assert SECRET not in failure(environ)


def test_a_known_secret_in_the_wrong_place_is_not_shown_either() -> None:
    long = "x" * 112 + SECRET
    environ = {
        "INFLUX_TOKEN": SECRET,
        "TIDEMARK_RUN__WORKERS": SECRET,
        "TIDEMARK_TIME__TIME_ZONE": long,
    }
    text = failure(environ)
    assert SECRET not in text
    assert SECRET[:7] not in text


def test_a_known_secret_is_not_shown_as_a_key_or_a_path(room: Path) -> None:
    (room / "config.yaml").write_text(f"engine: {{{SECRET}: 1}}\n")
    text = failure({"INFLUX_TOKEN": SECRET, "KAFKA_SASL_PASSWORD_FILE": f"/run/{SECRET}"})
    assert SECRET not in text
    assert "engine.******" in text


def test_nothing_shows_the_secrets_of_good_settings(room: Path, log: io.StringIO) -> None:
    (room / "secret").write_text(SECRET)
    environ = {
        "MONGO_URI": f"mongodb://me:{SECRET}@h/?tlsCertificateKeyFilePassword={SECRET}",
        "INFLUX_TOKEN_FILE": "secret",
        "KAFKA_SASL_PASSWORD": SECRET,
        "TIDEMARK_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
        "TIDEMARK_KAFKA__SASL_MECHANISM": "PLAIN",
        "TIDEMARK_KAFKA__SASL_USERNAME": "me",
    }
    loaded = load_with_origins(environ=environ)
    found = loaded.settings
    shown = [repr(found), str(found), repr(loaded), repr(found.documents.urls)]
    for row in rows(loaded):
        shown += [repr(row), shown_value(row), json.dumps(plain(row.value)), row.origin]
    logger = get_logger("tidemark.x")
    logger.info("settings_loaded", settings=found, urls=found.documents.urls)
    logger.info("url", url=found.documents.urls[0], properties=found.kafka.client_properties())
    logger.info("dump", everything=found.model_dump())
    try:
        raise RuntimeError(f"cannot open {found.documents.urls[0]}: {SECRET}")
    except RuntimeError:
        logger.exception("failed")
    assert len(log.getvalue().splitlines()) == 4
    assert SECRET not in "\n".join([*shown, log.getvalue()])
    # They are there for those who need them.
    assert found.kafka.client_properties()["sasl.password"] == SECRET


@given(
    password=st.text(
        st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]),
        min_size=6,
        max_size=30,
    ),
    form=st.sampled_from(
        ["mongodb://me:{}@h:99999", "mongodb://{}@", "mongodb://h/?password={}&x@[", "{}"]
    ),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_password_comes_out_of_an_address_whatever_it_looks_like(
    password: str, form: str
) -> None:
    # A marker, because a random password may be a word of the message.
    secret = f"{password}{SECRET}{password}"
    environ = {"MONGO_URI": form.format(secret), "TIDEMARK_RUN__WORKERS": "0"}
    assert SECRET not in failure(environ)


@pytest.mark.parametrize(
    "environ",
    [
        {"INFLUX_TOKEN_FILE": SECRET},
        {"INFLUX_TOKEN_FILE": f"{SECRET}/{'x' * 5000}"},
        {"INFLUX_TOKEN_FILE": f"no-such-directory/{SECRET}"},
        {"KAFKA_BOOTSTRAP_SERVERS": f"tidemark:{SECRET}@broker:9092"},
        {"KAFKA_BOOTSTRAP_SERVERS": f"one:9092,tidemark:{SECRET}@two:9092"},
    ],
    ids=lambda environ: next(iter(environ.values()))[:40],
)
def test_a_secret_in_the_wrong_place_is_not_shown(environ: dict[str, str]) -> None:
    told = failure(environ)
    assert SECRET not in told
    assert next(iter(environ)) in told, "what is wrong is said"


def test_a_file_that_is_not_there_is_named(room: Path) -> None:
    assert f"{room}/no-such-file" in failure({"INFLUX_TOKEN_FILE": f"{room}/no-such-file"})


@pytest.mark.parametrize("name", ["ssl.key.pasword", "sasl.passowrd", "ssl.keystore.passsword"])
def test_a_password_under_a_mistyped_name_is_refused_like_one(name: str) -> None:
    told = failure({"TIDEMARK_KAFKA__CLIENT": json.dumps({name: SECRET})})
    assert SECRET not in told
    assert name in told
