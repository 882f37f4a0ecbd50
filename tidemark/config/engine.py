"""Settings of the engine: time, key groups, recovery, processes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from tidemark.config.base import Section, wrong
from tidemark.config.types import PathSetting, Servers, TimeZoneName


class TimeSettings(Section):
    """When a record is late, when a silent partition is left behind."""

    out_of_orderness_s: float = Field(5.0, ge=0, le=86_400)
    """How far a record may lie behind the newest one of its partition without being late."""

    idle_after_s: float = Field(10.0, gt=0, le=86_400)
    """A partition that is read to its end and silent for so long holds no window open."""

    max_future_skew_s: float = Field(60.0, ge=0, le=31_536_000)
    """A record further ahead of the clock is rejected (`future_timestamp`)."""

    time_zone: TimeZoneName = "UTC"
    """Zone of `day_type` and `hour_of_day`; all timestamps stay UTC."""


class EngineSettings(Section):
    """How the work is divided."""

    key_groups: Annotated[int, Field(ge=1, le=1024)] = 16
    """Groups that keys are hashed into; fixed for a recovery store."""

    epoch_interval_s: Annotated[int, Field(ge=1, le=3600)] = 2
    """Seconds between two snapshots; whole seconds."""


class RecoverySettings(Section):
    """Where snapshots are kept."""

    directory: PathSetting = Path("var/recovery")
    """Directory of the recovery store; keep it private, snapshots are pickles."""

    partitions: Annotated[int, Field(ge=1, le=1024)] = 4
    """Files of the recovery store; fixed when it is made; best a multiple of the workers."""

    backup_interval_s: Annotated[int, Field(ge=0)] = 0
    """How long old snapshots are kept for a backup to be made of them; whole seconds."""


class RunSettings(Section):
    """How many of us there are."""

    processes: Annotated[int, Field(ge=1, le=256)] = 1
    """Processes of `tidemark run`; these scale."""

    workers: Annotated[int, Field(ge=1, le=256)] = 1
    """Threads of each process; these help only where native code does the work."""

    addresses: Servers | None = None
    """Of a cluster over several machines: where each member listens to the others, in order of
    their numbers; the same for all. Nobody has to log in there: keep it in a private network."""

    member: Annotated[int, Field(ge=0)] | None = None
    """Which member of that cluster this run is, from 0. Member 0 keeps the recovery store."""

    @field_validator("member")
    @classmethod
    def _one_of_the_addresses(cls, value: int | None, info: ValidationInfo) -> int | None:
        addresses = info.data.get("addresses")
        if value is not None and addresses is None:
            raise wrong("null, because run.addresses is null", "set run.addresses, too")
        if value is not None and addresses is not None and value >= addresses.count(",") + 1:
            raise wrong(f"less than {addresses.count(',') + 1}, the number of run.addresses")
        return value

    def cluster(self) -> tuple[str, ...]:
        """Return the addresses of all members, none where this run is alone."""
        if self.member is None or self.addresses is None:
            return ()
        return tuple(address.strip() for address in self.addresses.split(","))
