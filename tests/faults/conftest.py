"""The seed of the fault tests, told where it can be seen."""

from __future__ import annotations

import pytest

from tests.faults.seeds import REPLAY


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell how to replay what was random."""
    terminalreporter.line(REPLAY)
