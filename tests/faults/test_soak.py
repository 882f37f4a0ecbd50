"""Memory does not depend on the length of the stream, nor on how many keys it has ever had."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.faults.soak import soak
from tests.support.servers import KafkaEndpoint


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory_is_flat_while_users_come_and_go(kafka: KafkaEndpoint, tmp_path: Path) -> None:
    memory = soak(kafka, tmp_path, minutes=3, store="null:", pace=12_000)
    assert len(memory.steady) > 20
    # What a process of this size wins and loses by chance; a leak of keys shows in the long run.
    assert memory.slope_mib_a_minute * 2 < 0.25 * memory.level_mib, memory.slope_mib_a_minute
