"""The store of what autoscaling did."""

from collections.abc import Collection, Sequence
from typing import Protocol
from uuid import UUID

from functions.deploy.domain.process_scaling import ProcessScaling


class ProcessScalings(Protocol):
    async def lock(self, application_id: UUID, environment: str, process: str, instances: int) -> ProcessScaling:
        """The row of a process type, locked until the transaction ends. It is created with `instances` if there is none."""
        ...

    async def save(self, scaling: ProcessScaling) -> None:
        """Callers hold its lock."""
        ...

    async def list_all(self, application_id: UUID) -> Sequence[ProcessScaling]: ...

    async def forget(self, application_id: UUID, environment: str, processes: Collection[str] | None = None) -> None:
        """Delete the rows of these process types; None: of all in the environment."""
        ...
