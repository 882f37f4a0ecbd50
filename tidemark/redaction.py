"""Keep secrets out of logs, messages and tables.

Three nets: values that were registered as secret, keys whose name says secret, and the user part
and query of addresses. Values shorter than four characters are not searched for in free text:
replacing every `a` would hide nothing and garble everything; their keys still redact them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus, unquote

REDACTED = "******"
_SHORTEST_SEARCHED = 4
_SECRET_NAME = re.compile(
    r"pas+(w|ow|ph)|pwd|secret|token|credential|api_?key|private_?key"
    r"|key_?pem|authorization|jaas",
)
# Mistyped, too: who writes `pasword` has a password behind it.
# A count of tokens or a place where a key lies is no secret.
_NOT_A_SECRET = re.compile(r"(file|path|location|url|endpoint|count|total)$")
_USER_PART = re.compile(r"(?<=://)[^\s\"'<>]*@")
_SECRET_QUERY = re.compile(
    r"(?i)([?&;][^=&;\s]*(?:password|passwd|token|secret|credential|api_?key"
    r"|authmechanismproperties)[^=&;\s]*=)[^&;\s\"'<>]+"
)


def names_a_secret(name: str) -> bool:
    """Tell whether a key such as `sasl.password` or `influx_token` holds a secret."""
    plain = re.sub(r"[.\s-]", "_", name.lower())
    return bool(_SECRET_NAME.search(plain)) and not _NOT_A_SECRET.search(plain)


def redact_url(url: str) -> str:
    """Return one address with its user part and secret queries redacted.

    A malformed one, such as one with spaces or an @ in the password, does not show it either.
    """
    scheme, separator, rest = url.partition("://")
    _, at, hosts = rest.rpartition("@")
    return _SECRET_QUERY.sub(
        rf"\1{REDACTED}", f"{scheme}{separator}{REDACTED}@{hosts}" if at else url
    )


def secrets_in_url(url: str) -> list[str]:
    """Return the password of an address and the values of its secret queries."""
    user = url.partition("://")[2].rpartition("@")[0]
    password = user.partition(":")[2]
    queries = [match[0].removeprefix(match[1]) for match in _SECRET_QUERY.finditer(url)]
    return [secret for secret in (password, *queries) if secret]


def _redact_urls(text: str) -> str:
    """Return free text with the addresses in it redacted; each ends at a space or a quote."""
    return _SECRET_QUERY.sub(rf"\1{REDACTED}", _USER_PART.sub(f"{REDACTED}@", text))


def _forms(secret: str) -> Iterator[str]:
    """Yield a secret as it is, percent-encoded, and as a literal of Python or JSON."""
    yield secret
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield repr(secret)[1:-1]
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]


class Redactor:
    """Replace known secrets in text."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Register more secrets, in all the forms in which text may hold them."""
        for secret in secrets:
            forms = {form for text in (secret, unquote(secret)) for form in _forms(text)}
            self._secrets |= {form for form in forms if len(form) >= _SHORTEST_SEARCHED}
        # Longest first: a secret that begins with another one is replaced whole.
        longest_first = sorted(self._secrets, key=len, reverse=True)
        self._pattern = (
            re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
        )

    def __call__(self, text: str) -> str:
        """Return text without registered secrets and without passwords in addresses."""
        if self._pattern is not None:
            text = self._pattern.sub(REDACTED, text)
        return _redact_urls(text) if "://" in text else text


redact = Redactor()
"""The redactor of this process: `load_settings` registers every secret that it meets."""
