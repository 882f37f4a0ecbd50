from __future__ import annotations

import asyncio
import json
from typing import Any

from dashboard.board import Board


def told(event: bytes) -> Any:
    assert event.startswith(b"data: ")
    assert event.endswith(b"\n\n")
    return json.loads(event[6:])


def test_whoever_has_seen_nothing_gets_all_and_later_what_has_changed() -> None:
    async def scenario() -> None:
        board = Board(clock=lambda: 5.0)
        board.publish({"a": 1, "b": 2, "c": 3})
        assert told(board.event(("a", "b"), 0)) == {"at": 5000, "sections": {"a": 1, "b": 2}}
        seen = board.revision
        board.publish({"a": 1, "b": 4, "c": 3})
        assert told(board.event(("a", "b"), seen))["sections"] == {"b": 4}
        assert told(board.event(("a", "b"), board.revision))["sections"] == {}

    asyncio.run(scenario())


def test_everybody_is_woken_by_what_is_published_and_by_the_end() -> None:
    async def scenario() -> None:
        board = Board()
        waiting = [asyncio.create_task(board.changed()) for _ in range(50)]
        await asyncio.sleep(0)
        board.publish({"a": 1})
        await asyncio.wait_for(asyncio.gather(*waiting), 5)
        late = asyncio.create_task(board.changed())
        await asyncio.sleep(0)
        board.close()
        await asyncio.wait_for(late, 5)
        await asyncio.wait_for(board.changed(), 5)

    asyncio.run(scenario())


def test_the_first_who_comes_ends_the_long_rest() -> None:
    async def scenario() -> None:
        board = Board()
        resting = asyncio.create_task(board.rest(0.0, 3600.0))
        await asyncio.sleep(0)
        assert not resting.done()
        with board.watching("now"):
            await asyncio.wait_for(resting, 5)
            assert board.watchers() == board.watchers("now") == 1
            assert board.watchers("health") == 0
        assert board.watchers() == 0

    asyncio.run(scenario())
