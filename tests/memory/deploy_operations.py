"""Operations of the cluster in memory."""

from copy import deepcopy
from datetime import datetime
from uuid import UUID

from functions.deploy.domain.operation import Operation, OperationKind


class MemoryOperations:
    def __init__(self) -> None:
        self._rows: dict[UUID, Operation] = {}

    async def add(self, operation: Operation) -> None:
        self._rows[operation.id] = deepcopy(operation)

    async def find(self, operation_id: UUID) -> Operation | None:
        return deepcopy(self._rows.get(operation_id))

    async def find_last(self, kind: OperationKind, application_id: UUID, environment: str | None) -> Operation | None:
        return deepcopy(next(iter(sorted(self._of(kind, application_id, environment), key=lambda row: row.id, reverse=True)), None))

    async def lock_requested(self, kind: OperationKind, application_id: UUID, environment: str | None, requested_at: datetime) -> Operation | None:
        return deepcopy(next((row for row in self._of(kind, application_id, environment) if row.requested_at == requested_at), None))

    async def save(self, operation: Operation) -> None:
        self._rows[operation.id] = deepcopy(operation)

    async def delete_before(self, requested_before: datetime) -> None:
        self._rows = {id: row for id, row in self._rows.items() if row.requested_at >= requested_before}

    def _of(self, kind: OperationKind, application_id: UUID, environment: str | None) -> list[Operation]:
        return [row for row in self._rows.values() if (row.kind, row.application_id, row.environment) == (kind, application_id, environment)]
