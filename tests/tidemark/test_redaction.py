from __future__ import annotations

import pytest

from tidemark.redaction import Redactor, names_a_secret, redact_url, secrets_in_url


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "sasl.password",
        "SASL_PASSWORD",
        "influx_token",
        "ssl.key.pem",
        "sasl.oauthbearer.client.secret",
        "Authorization",
        "api-key",
        "db_passwd",
        "sasl.jaas.config",
    ],
)
def test_names_of_secrets_are_known(name: str) -> None:
    assert names_a_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "user_id",
        "ssl.key.location",
        "influx_token_file",
        "sasl.oauthbearer.token.endpoint.url",
        "topic",
        "key",
        "socket.timeout.ms",
    ],
)
def test_other_names_are_not_taken_for_secrets(name: str) -> None:
    assert not names_a_secret(name)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mongodb://u:p@h:1/db", "mongodb://******@h:1/db"),
        ("mongodb://u@h", "mongodb://******@h"),
        ("mongodb://u:p@ss w@rd@h", "mongodb://******@h"),
        ("http://h:8086/?token=abc&org=x", "http://h:8086/?token=******&org=x"),
        ("mongodb://h/?tlsCertificateKeyFilePassword=abc", "mongodb://h/?tlsCertificateKeyFilePassword=******"),
        ("mongodb://h/?authMechanismProperties=AWS_SESSION_TOKEN:abc", "mongodb://h/?authMechanismProperties=******"),
        ("mongodb://a:1,b:2/db", "mongodb://a:1,b:2/db"),
        ("sqlite:var/a@b.db", "sqlite:var/a@b.db"),
    ],
)  # fmt: skip
def test_addresses_are_redacted(url: str, shown: str) -> None:
    assert redact_url(url) == shown


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("mongodb://u:p%40ss@h/?tlsCertificateKeyFilePassword=q", ["p%40ss", "q"]),
        ("mongodb://u@h", []),
        ("mongodb://h:27017", []),
        ("sqlite:a", []),
    ],
)
def test_secrets_of_an_address_are_found(url: str, secrets: list[str]) -> None:
    assert secrets_in_url(url) == secrets


def test_registered_secrets_are_replaced_in_plain_and_encoded_form() -> None:
    hide = Redactor(["p%40ss/word"])
    text = hide("plain p@ss/word, as given p%40ss/word, encoded p%40ss%2Fword")
    assert text == "plain ******, as given ******, encoded ******"


def test_a_secret_that_begins_with_another_is_replaced_whole() -> None:
    assert Redactor(["abcd", "abcdefgh"])("x abcdefgh y abcd") == "x ****** y ******"


def test_later_secrets_join_the_earlier_ones() -> None:
    hide = Redactor(["first1"])
    hide.add(["second2"])
    assert hide("first1 second2") == "****** ******"


def test_very_short_secrets_do_not_garble_text() -> None:
    assert Redactor(["a", ""])("a banana") == "a banana"


def test_secrets_are_text_not_patterns() -> None:
    assert Redactor(["a.*b("])("a.*b( axxb(") == "****** axxb("


def test_addresses_in_free_text_are_redacted_up_to_the_next_space() -> None:
    text = Redactor()("cannot reach mongodb://u:p@h:1, tried http://v:q@i too, ask me@home")
    assert text == "cannot reach mongodb://******@h:1, tried http://******@i too, ask me@home"
