"""The demo starts the live page, and says where it is."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from tests.tidemark.cli.commands import environment
from tests.tidemark.demo.test_demo import processes_in, wait_for
from tidemark.demo.session import page_address


def test_the_address_is_taken_from_what_the_page_prints() -> None:
    assert page_address("") is None
    assert page_address("live page: http://127.0.") is None
    assert page_address('{"event": "x"}\nlive page: http://127.0.0.1:8050/\n') == (
        "http://127.0.0.1:8050/"
    )


def test_the_page_of_the_demo_shows_its_windows_and_ends_with_it(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "tidemark", "demo", "--directory=there"],
            cwd=tmp_path,
            env=environment(),
            stdout=out,
            stderr=out,
        )
    try:
        wait_for(tmp_path / "out", "so far", process)
        found = re.search(
            r"live page at (http://127\.0\.0\.1:\d+/)", (tmp_path / "out").read_text()
        )
        assert found is not None
        with urllib.request.urlopen(f"{found[1]}events/now", timeout=20) as events:
            lines = iter(events.readline, b"")
            told = (json.loads(line[6:]) for line in lines if line.startswith(b"data: "))
            # The first may be from before there was a store.
            assert any(
                event["sections"].get("now", {}).get("books", {}).get("read") for event in told
            )
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    finally:
        process.kill()
        process.wait()
    assert processes_in(tmp_path) == []
