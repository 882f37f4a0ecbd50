"""Run the dataflow as a group of processes that lives, dies and restarts as one.

`prepare_store` makes the recovery store ready, `Supervisor` starts the workers and keeps them
going.
"""

from __future__ import annotations

from tidemark.supervisor.group import Supervisor
from tidemark.supervisor.recovery import RecoveryStore, prepare_store
from tidemark.supervisor.restarts import Policy
from tidemark.supervisor.spec import GroupSpec

__all__ = ["GroupSpec", "Policy", "RecoveryStore", "Supervisor", "prepare_store"]
