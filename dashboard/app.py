"""The web application: the page, its stream, its questions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from dashboard.access import COOKIE, SIGN_IN, AccessMiddleware
from dashboard.history import BadPeriod, as_csv
from dashboard.keys import COLLECTIONS
from dashboard.live import Live
from dashboard.reading import TooLong
from dashboard.sections import VIEWS
from sinks.store import StoreUnavailable
from tidemark.errors import TidemarkError

STATIC: Final = Path(__file__).parent / "static"
_MOST_STREAMS = 1000
_PATIENCE_S = 1.0
_LONGEST_KEY = 1024
_LONGEST_FORM = 4096
_WRONG_TOKEN_COSTS_S = 0.5


def make_app(live: Live) -> Starlette:
    """Return the application of a live page; it refreshes while it runs."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with live.running():
            yield

    views = _Views(live)
    routes = [
        Route("/", views.page),
        Route("/healthz", views.healthz),
        Route("/events/{view}", views.events),
        Route("/api/key/{kind}", views.key),
        Route("/api/keys/{kind}", views.keys),
        Route("/api/history/{kind}", views.history),
        Route(SIGN_IN, views.sign_in_page),
        Route(SIGN_IN, views.sign_in, methods=["POST"]),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    middleware = [Middleware(AccessMiddleware, guard=live.guard), Middleware(GZipMiddleware)]
    errors: dict[Any, Any] = {
        BadPeriod: _answer(400),
        TooLong: _answer(503),
        StoreUnavailable: _answer(503),
    }
    return Starlette(
        routes=routes, middleware=middleware, lifespan=lifespan, exception_handlers=errors
    )


class _Views:
    def __init__(self, live: Live) -> None:
        self._live = live
        self._one_at_a_time = asyncio.Lock()

    async def page(self, request: Request) -> Response:
        return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})

    async def healthz(self, request: Request) -> Response:
        health = self._live.health()
        return _json(health, 200 if health["status"] == "ok" else 503)

    async def events(self, request: Request) -> Response:
        view = request.path_params["view"]
        if view not in VIEWS:
            return _json({"error": f"there is no view {view!r}"}, 404)
        if self._live.board.watchers() >= _MOST_STREAMS:
            return _json({"error": "too many pages are open"}, 503)
        return StreamingResponse(self._stream(view), media_type="text/event-stream")

    async def _stream(self, view: str) -> AsyncIterator[bytes]:
        board, seen = self._live.board, 0
        with board.watching(view):
            yield b"retry: 2000\n\n"
            if board.age_s() > 1.2 * self._live.state.refresh_s:
                # Nobody has looked for a while: what comes in a moment is better than what is old.
                with suppress(TimeoutError):
                    await asyncio.wait_for(board.changed(), _PATIENCE_S)
            while not board.closed:
                if board.revision > seen:
                    event, seen = board.event(VIEWS[view], seen), board.revision
                    yield event
                else:
                    await board.changed()

    async def key(self, request: Request) -> Response:
        kind, key = request.path_params["kind"], request.query_params.get("id", "")
        if kind not in COLLECTIONS or not 0 < len(key) <= _LONGEST_KEY:
            return _json({"error": "name a user or an item by ?id="}, 400)
        return _json(await self._live.keys.one(kind, key))

    async def keys(self, request: Request) -> Response:
        kind, prefix = request.path_params["kind"], request.query_params.get("from", "")
        if kind not in COLLECTIONS or len(prefix) > _LONGEST_KEY:
            return _json({"error": "name the beginning of an id by ?from="}, 400)
        return _json(await self._live.keys.suggestions(kind, prefix))

    async def history(self, request: Request) -> Response:
        kind = request.path_params["kind"]
        try:
            start_s, end_s = (int(request.query_params[name]) for name in ("from", "to"))
        except (KeyError, ValueError):
            raise BadPeriod("from and to are seconds since the epoch") from None
        period = await self._live.history.period(kind, start_s, end_s)
        if request.query_params.get("format") != "csv":
            return _json(period)
        name = f"tidemark-{kind}-{start_s}-{end_s}.csv"
        disposition = f'attachment; filename="{name}"'
        headers = {"content-disposition": disposition}
        return Response(as_csv(period), media_type="text/csv; charset=utf-8", headers=headers)

    async def sign_in_page(self, request: Request) -> Response:
        if not self._live.guard.wanted:
            return RedirectResponse("/", status_code=303)
        wrong = "wrong" in request.query_params
        text = (STATIC / "sign-in.html").read_text("utf-8")
        return Response(
            text.replace("<!-- wrong -->", _WRONG if wrong else ""),
            status_code=401 if wrong else 200,
            media_type="text/html",
        )

    async def sign_in(self, request: Request) -> Response:
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > _LONGEST_FORM:
                return _json({"error": "that is no token"}, 413)
        given = parse_qs(body.decode("utf-8", "replace")).get("token", [""])[0]
        guard = self._live.guard
        if not guard.wanted:
            return RedirectResponse("/", status_code=303)
        if not guard.knows(given):
            # Guessing is slow, however many do it at once.
            async with self._one_at_a_time:
                await asyncio.sleep(_WRONG_TOKEN_COSTS_S)
            return RedirectResponse(f"{SIGN_IN}?wrong", status_code=303)
        response = RedirectResponse("/", status_code=303)
        response.set_cookie(
            COOKIE,
            guard.cookie(),
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return response


_WRONG = '<p class="wrong" role="alert">That is not the token.</p>'


def _json(value: Any, status: int = 200) -> Response:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return Response(text, status_code=status, media_type="application/json")


def _answer(status: int) -> Any:
    async def answer(_: Request, error: TidemarkError) -> Response:
        return _json({"error": error.message, "remedy": error.remedy}, status)

    return answer
