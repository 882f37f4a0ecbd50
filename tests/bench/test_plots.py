from __future__ import annotations

from pathlib import Path

from bench.plots import draw
from tests.bench.samples import results


def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = (draw(results(), tmp_path / name) for name in ("one", "two"))
    assert [path.name for path in first] == [
        "throughput.svg",
        "stores.svg",
        "keys.svg",
        "capacity.svg",
    ]
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes()


def test_a_plot_holds_its_text_as_text(tmp_path: Path) -> None:
    text = draw(results(), tmp_path)[0].read_text()
    assert "million events a second" in text
    assert all(line == line.rstrip() for line in text.splitlines())
