"""What autoscaling did, in memory."""

from collections.abc import Collection, Sequence
from copy import deepcopy
from uuid import UUID

from functions.deploy.domain.process_scaling import ProcessScaling


class MemoryProcessScalings:
    def __init__(self) -> None:
        self._rows: dict[tuple[UUID, str, str], ProcessScaling] = {}

    async def lock(self, application_id: UUID, environment: str, process: str, instances: int) -> ProcessScaling:
        return deepcopy(
            self._rows.setdefault((application_id, environment, process), ProcessScaling(application_id, environment, process, instances))
        )

    async def save(self, scaling: ProcessScaling) -> None:
        self._rows[scaling.application_id, scaling.environment, scaling.process] = deepcopy(scaling)

    async def list_all(self, application_id: UUID) -> Sequence[ProcessScaling]:
        return deepcopy([row for key, row in sorted(self._rows.items(), key=lambda each: each[0][1:]) if key[0] == application_id])

    async def forget(self, application_id: UUID, environment: str, processes: Collection[str] | None = None) -> None:
        for key in [key for key in self._rows if key[:2] == (application_id, environment) and (processes is None or key[2] in processes)]:
            del self._rows[key]
