"""Channels of Apprise: what is sent, what is refused, what is never shown."""

from __future__ import annotations

import pytest

from tests.support.people import mailbox, webhook
from tests.support.servers.ports import free_port
from tests.tidemark.notify.making import news
from tidemark.config import load_settings
from tidemark.config.channels import NotifySettings
from tidemark.errors import ConfigError
from tidemark.notify.channels import AppriseSender, NotSent, open_channels, secrets_of
from tidemark.notify.messages import message_of
from tidemark.redaction import Redactor, redact


def channels_of(urls: str, **settings: str) -> list[str]:
    environ = {"NOTIFY_URLS": urls, **settings}
    return [channel.name for channel in open_channels(load_settings(None, environ, dotenv=None))]


def test_a_webhook_and_a_mailbox_get_title_and_text() -> None:
    message = message_of([news(1, message="x < 5 & {y}\nsecond line")])
    with webhook() as hook, mailbox() as mail:
        for people in (hook, mail):
            AppriseSender(people.url, NotifySettings()).send(message)
            (text,) = people.got
            assert "[WARNING] r: s1" in text.split("\n")[0]
            assert "x < 5 & {y}\nsecond line" in text
            assert "rule: r (warning), began" in text


def test_what_is_not_taken_is_an_error_without_the_secret() -> None:
    with webhook() as hook:
        hook.away = True
        with pytest.raises(NotSent, match="503") as error:
            AppriseSender(hook.url, NotifySettings()).send(message_of([news(1)]))
    assert "open-sesame" not in str(error.value)


def test_nobody_there_is_an_error() -> None:
    sender = AppriseSender(f"json://u:secret-word@127.0.0.1:{free_port()}/x", NotifySettings())
    with pytest.raises(NotSent) as error:
        sender.send(message_of([news(1)]))
    assert "secret-word" not in str(error.value)


def test_an_error_of_a_plugin_is_the_channels_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("open-sesame-42")

    sender = AppriseSender("json://me:open-sesame-42@localhost/x", NotifySettings())
    monkeypatch.setattr(sender._apprise, "notify", broken)
    redact.add(["open-sesame-42"])
    with pytest.raises(NotSent, match="KeyError") as error:
        sender.send(message_of([news(1)]))
    assert "open-sesame" not in str(error.value)


def test_one_that_does_not_answer_is_given_up() -> None:
    with webhook() as hook:
        hook.slow_s = 2.0
        sender = AppriseSender(hook.url, NotifySettings(timeout_s=0.2))
        with pytest.raises(NotSent):
            sender.send(message_of([news(1)]))


def test_channels_have_the_names_that_they_are_given() -> None:
    urls = "# who is on duty\nops=json://h/x\n  mail=mailto://u:p@example.com "
    assert channels_of(urls) == ["ops", "mail"]


def test_all_that_is_wrong_is_told_at_once_and_no_secret() -> None:
    with pytest.raises(ConfigError) as error:
        channels_of(
            "a=slack://open-sesame-token/short b=nonsense://open-sesame c=json://h",
            TIDEMARK_ALERTS__CHANNELS="{gone: {min_severity: critical}, c: {}}",
        )
    paths = [problem.path for problem in error.value.problems]
    assert paths == ["alerts.channels.gone", "NOTIFY_URLS, channel a", "NOTIFY_URLS, channel b"]
    assert "open-sesame" not in str(error.value)


@pytest.mark.parametrize("urls", ["json://h/x", "a=b", "a=json://h a=json://i", "a b=json://h"])
def test_urls_without_a_name_or_with_one_twice_are_refused(urls: str) -> None:
    with pytest.raises(ConfigError) as error:
        channels_of(urls)
    (problem,) = error.value.problems
    assert (problem.path, problem.value) == ("alerts.notify_urls", "******")


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("discord://1234567890/abcdefgh-token", ["1234567890", "abcdefgh-token"]),
        ("tgram://123456:ABCDEFGHIJ/987654321", ["123456:ABCDEFGHIJ", "987654321"]),
        ("mailto://me:pass-word@example.com?to=you@example.com", ["pass-word"]),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", ["TIiajkdnlazkcOXrIdevi7FQ"]),
    ],
)
def test_tokens_are_secret_wherever_they_are(url: str, secrets: list[str]) -> None:
    hide = Redactor(secrets_of(url))
    for secret in secrets:
        assert secret in url
        assert secret not in hide(f"could not reach {secret} by {url}")
    assert "example.com" not in list(secrets_of(url))
