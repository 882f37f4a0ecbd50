"""Channels: who is told, by Apprise, and what of an address must not be shown."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote

from tidemark.config import Settings
from tidemark.config.channels import ChannelSettings, NotifySettings
from tidemark.errors import ConfigError, Problem, TidemarkError
from tidemark.notify.messages import Message
from tidemark.redaction import redact, secrets_in_url

_SHORTEST_TOKEN = 8
_LONGEST_REASON = 300
_WITH_A_HOST = ("mailto", "mailtos", "json", "jsons", "xml", "xmls", "form", "forms")
"""Kinds of address whose host is one; elsewhere it may be a token."""


class NotSent(TidemarkError):
    """A channel did not take a message."""


class Sender(Protocol):
    """What sends a message to a channel."""

    def send(self, message: Message) -> None:
        """Return when it was taken. Raises NotSent, whose text holds no secret."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel: what it wants, and how it is reached."""

    name: str
    settings: ChannelSettings
    sender: Sender


def open_channels(settings: Settings) -> list[Channel]:
    """Return the channels. Raises ConfigError with all that is wrong with them."""
    alerts = settings.alerts
    urls = alerts.channel_urls()
    for url in urls.values():
        redact.add(secrets_of(url))
    problems = [
        Problem(
            f"alerts.channels.{name}",
            "",
            f"a channel that NOTIFY_URLS gives the URL of ({', '.join(urls) or 'it gives none'})",
            f"add {name}=URL to NOTIFY_URLS, or remove the channel",
            "",
        )
        for name in alerts.channels
        if name not in urls
    ]
    channels = []
    for name, url in urls.items():
        try:
            sender = AppriseSender(url, alerts.notify)
        except NotSent as error:
            problems.append(
                Problem(
                    f"NOTIFY_URLS, channel {name}",
                    "",
                    f"a URL that Apprise understands ({error})",
                    "Apprise's documentation has the form of each kind",
                    "",
                )
            )
        else:
            channels.append(Channel(name, alerts.channel(name), sender))
    if problems:
        raise ConfigError(problems)
    return channels


def secrets_of(url: str) -> Iterator[str]:
    """Yield the parts of an address that may be secret: there, tokens are anywhere."""
    yield url
    yield from secrets_in_url(url)
    scheme, _, rest = url.partition("://")
    before, _, query = rest.partition("?")
    authority, *path = before.split("/")
    user, _, host = authority.rpartition("@")
    parts = [*user.split(":"), *path, *re.findall(r"=([^&]+)", query)]
    if scheme.lower() not in _WITH_A_HOST and "." not in host:
        parts.append(host)
    for part in parts:
        if len(unquote(part)) >= _SHORTEST_TOKEN:
            yield part


class AppriseSender:
    """A channel of Apprise. Raises NotSent where the address is none."""

    def __init__(self, url: str, settings: NotifySettings) -> None:
        import apprise

        # What it logs is in its results, too; from there it is told, without secrets.
        logger = logging.getLogger("apprise")
        logger.propagate = False
        logger.addHandler(logging.NullHandler())
        asset = apprise.AppriseAsset(
            app_id="Tidemark",
            app_desc="Tidemark",
            app_url="",
            async_mode=False,
            # Nothing of a channel is kept on disk.
            storage_mode=apprise.PersistentStoreMode.MEMORY,
        )
        self._apprise = apprise.Apprise(asset=asset)
        capture = apprise.LogCapture(  # type: ignore[no-untyped-call]
            level=logging.WARNING, fmt="%(message)s"
        )
        with capture as said:
            there = self._apprise.add(url)
            reason = said.getvalue()
        if not there or len(self._apprise) != 1:
            raise NotSent(_reason(reason) or "it is of no known kind, or incomplete")
        for server in self._apprise:
            server.socket_connect_timeout = settings.timeout_s
            server.socket_read_timeout = settings.timeout_s
            if server.request_rate_per_sec == apprise.NotifyBase.request_rate_per_sec:
                # Its pause after each request where it knows nothing of a service; ours is the
                # share of a minute. What it knows of a service holds.
                server.request_rate_per_sec = 0

    def send(self, message: Message) -> None:
        """Send once; trying again is up to the caller."""
        import apprise

        try:
            result = self._apprise.notify(
                title=message.title,
                body=message.body,
                notify_type=apprise.NotifyType(message.kind),
                body_format=apprise.NotifyFormat.TEXT,
            )
        except Exception as error:
            # An error in one of a hundred plugins is this channel's, not that of the others.
            raise NotSent(_reason(f"{type(error).__name__}: {error}")) from error
        if not result:
            said = "; ".join(entry.message for entry in result.logs())
            raise NotSent(_reason(said) or "it gave no reason")


def _reason(said: str) -> str:
    return redact(" ".join(said.split()))[:_LONGEST_REASON]
