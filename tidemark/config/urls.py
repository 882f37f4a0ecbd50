"""Addresses of stores: what is accepted, and the type that does not show a password.

`sqlite:PATH` and `null:` serve both kinds of store, `mongodb://` and `mongodb+srv://` documents,
`http://` and `https://` (InfluxDB) series.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from tidemark.config.base import Expected, wrong
from tidemark.redaction import redact_url

_DOCUMENTS = "sqlite:PATH, mongodb://HOST:PORT, mongodb+srv://HOST or null:"
_SERIES = "sqlite:PATH, http://HOST:PORT, https://HOST:PORT or null:"
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%-]+)(?::(\d{1,5}))?")


class StoreUrl(str):
    """Be the address of a store: text as it is, but with passwords redacted in `repr`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(self.redacted)

    @property
    def redacted(self) -> str:
        """Return the address without its password, for logs and messages."""
        return redact_url(str.__str__(self))

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())


def _check_documents(url: object) -> object:
    return _check(url, _DOCUMENTS, ("mongodb", "mongodb+srv"))


def _check_series(url: object) -> object:
    return _check(url, _SERIES, ("http", "https"))


def _check(url: object, expected: str, schemes: tuple[str, ...]) -> object:
    if not isinstance(url, str):
        raise wrong(expected, 'quote it: "null:"' if url == {"null": None} else "")
    if url == "null:":
        return url
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite":
        _check_sqlite(rest)
    elif scheme in schemes and rest.startswith("//"):
        _check_hosts(scheme, rest[2:], expected)
    else:
        raise wrong(expected)
    return url


def _check_sqlite(path: str) -> None:
    if not path.strip() or path.startswith("//"):
        raise wrong("sqlite:PATH", "write sqlite:var/tidemark.db or sqlite:/data/tidemark.db")
    if ":memory:" in path:
        raise wrong("sqlite:PATH of a file", "an embedded store is shared by processes: use a file")


def _check_hosts(scheme: str, rest: str, expected: str) -> None:
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    user, at, hosts = authority.rpartition("@")
    if at and not scheme.startswith("mongodb"):
        raise wrong("an address without user and password", "set INFLUX_TOKEN to user:password")
    if at and not user:
        raise wrong(expected, "the user before @ is empty")
    if "@" in user or user.count(":") > 1:
        raise wrong(expected, "percent-encode : / ? # [ ] @ in user and password")
    listed = hosts.split(",")
    if len(listed) > 1 and scheme != "mongodb":
        raise wrong(f"one host after {scheme}://")
    for host in listed:
        match = _HOST.fullmatch(host)
        if match is None or (match[1] is not None and not 1 <= int(match[1]) <= 65535):
            remedy = "percent-encode : / ? # [ ] @ in user and password" if "@" in rest else ""
            raise wrong(expected, remedy)
        if scheme == "mongodb+srv" and match[1] is not None:
            raise wrong("mongodb+srv://HOST without a port", "the port comes from DNS")


def _as_list(value: object) -> object:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def _some(value: object) -> object:
    if isinstance(value, tuple) and len(set(map(str, value))) != len(value):
        raise wrong("each address once")
    if value == ():
        raise wrong("at least one address", 'for none, write ["null:"]')
    return value


DocumentUrl = Annotated[StoreUrl, BeforeValidator(_check_documents), Expected(_DOCUMENTS)]
SeriesUrl = Annotated[StoreUrl, BeforeValidator(_check_series), Expected(_SERIES)]
DocumentUrls = Annotated[tuple[DocumentUrl, ...], BeforeValidator(_some), BeforeValidator(_as_list)]
SeriesUrls = Annotated[tuple[SeriesUrl, ...], BeforeValidator(_some), BeforeValidator(_as_list)]
