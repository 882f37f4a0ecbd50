"""The page about the peers says what was measured."""

from __future__ import annotations

from bench.peers.__main__ import PAGE, RESULT
from bench.peers.catalog import SUBJECTS
from bench.peers.document import rewritten
from bench.peers.install import HERE
from bench.results import read


def test_the_figures_on_the_page_are_those_of_the_result() -> None:
    page = PAGE.read_text()
    assert rewritten(page, read(RESULT)) == page, (
        "python -m bench.peers table --write docs/peers.md writes them anew"
    )


def test_every_subject_was_measured_with_its_start() -> None:
    subjects = {key.rpartition(", ")[0] for key in read(RESULT).runs}
    assert subjects == set(SUBJECTS)


def test_the_page_names_the_versions_that_are_pinned() -> None:
    page = PAGE.read_text()
    for pinned in (HERE / "requirements").glob("*.in"):
        version = pinned.read_text().split("==")[1].split()[0]
        assert f"| {version} |" in page, pinned.name
    assert "| 2.2.1, " in page
    assert "<version>2.2.1</version>" in (HERE / "jars" / "flink.xml").read_text()
