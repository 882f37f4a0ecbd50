"""Who may see the page, and what a browser may do with it.

Without a token the page is for this machine: it listens on loopback and answers to loopback names
only, so that a web site cannot reach it under a name of its own (DNS rebinding). With a token every
request but `/healthz`, the sign-in page and its style needs the token, as `Authorization: Bearer`,
or a cookie that signing in has set. The cookie does not hold the token.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tidemark.errors import EXIT_USAGE, TidemarkError

COOKIE = "tidemark_session"
SIGN_IN = "/sign-in"
_OPEN = {"/healthz", SIGN_IN, "/static/base.css", "/static/favicon.svg"}
_LOOPBACK_NAMES = {"localhost", "127.0.0.1", "::1"}
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class TokenMissing(TidemarkError):
    """The page is to be reachable from other machines, and nothing would keep anybody out."""

    exit_code = EXIT_USAGE


def check_exposure(host: str, token: str | None) -> None:
    """Raise TokenMissing where a host is not loopback and there is no token."""
    if token is None and not is_loopback(host):
        raise TokenMissing(
            f"the live page is to listen on {host}, where other machines reach it, without a token",
            remedy="set DASHBOARD_TOKEN or DASHBOARD_TOKEN_FILE, or leave dashboard.host at"
            " 127.0.0.1",
        )


def is_loopback(host: str) -> bool:
    """Tell whether an address is reachable from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Guard:
    """Decides about single requests."""

    def __init__(self, token: str | None) -> None:
        self._token = token.encode() if token is not None else None

    @property
    def wanted(self) -> bool:
        """Whether a token is wanted."""
        return self._token is not None

    def cookie(self) -> str:
        """Return what the cookie holds of somebody who has signed in."""
        assert self._token is not None
        return hmac.new(self._token, b"tidemark live page", hashlib.sha256).hexdigest()

    def knows(self, given: str) -> bool:
        """Compare with the token in constant time."""
        return self._token is not None and hmac.compare_digest(given.encode(), self._token)

    def admits(self, request: HTTPConnection) -> bool:
        """Tell whether a request may see the page."""
        if self._token is None:
            return True
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.knows(given.strip()):
            return True
        cookie = request.cookies.get(COOKIE, "")
        return hmac.compare_digest(cookie.encode(), self.cookie().encode())


class AccessMiddleware:
    """Turns strangers away and puts the security headers on every answer."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        if not self._guard.wanted:
            if _host(scope) in _LOOPBACK_NAMES:
                return None
            return PlainTextResponse(
                "This page answers to localhost only. To reach it under another name set a token "
                "(DASHBOARD_TOKEN).\n",
                status_code=421,
            )
        request = Request(scope)
        if scope["path"] in _OPEN or self._guard.admits(request):
            return None
        if scope["path"] == "/" and scope["method"] == "GET":
            return RedirectResponse(SIGN_IN, status_code=303)
        return PlainTextResponse(
            "Sign in first, or send the token as Authorization: Bearer.\n",
            status_code=401,
            headers={"www-authenticate": 'Bearer realm="tidemark"'},
        )


def _host(scope: Scope) -> str:
    try:
        return urlsplit(f"//{Headers(scope=scope).get('host', '')}").hostname or ""
    except ValueError:
        return ""
