"""An operation of the cluster that a command has started and that is no deployment and no one-off command.

Its effect is retried until the cluster has done it. `failed`: the last attempt failed. The effect becomes a dead letter then,
and an operator who resends it may still complete the operation.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from functions.deploy.domain.application import Application
from functions.kernel import OperationState, new_id

MAX_ERROR_LENGTH = 500
GIVEN_UP = "What it was for was deleted or changed before it was done."


class OperationKind(StrEnum):
    APPLICATION_DELETION = "application-deletion"
    ENVIRONMENT_DELETION = "environment-deletion"
    STOP = "stop"
    MAINTENANCE = "maintenance"
    """Its start, a change or its end."""
    PROCESS_SCALE = "process-scale"
    SCHEDULE = "schedule"
    """Its creation, a change or its deletion."""
    SERVICE_CREATION = "service-creation"
    SERVICE_ROTATION = "service-rotation"
    SERVICE_SCALE = "service-scale"
    VOLUME_CREATION = "volume-creation"
    VOLUME_RESIZE = "volume-resize"
    VOLUME_RESTORE = "volume-restore"
    VOLUME_SNAPSHOT = "volume-snapshot"


@dataclass(slots=True)
class Operation:
    id: UUID
    kind: OperationKind
    application_id: UUID
    application: str
    environment: str | None
    requested_at: datetime
    state: OperationState = OperationState.RUNNING
    attempts: int = 1
    error: str | None = None
    """Of the last attempt that failed."""
    finished_at: datetime | None = None
    version: int = 1

    @classmethod
    def start(cls, kind: OperationKind, application: Application, environment: str | None, at: datetime) -> Self:
        return cls(new_id(), kind, application.id, application.name, environment, at)

    @property
    def is_running(self) -> bool:
        return self.state is OperationState.RUNNING

    def record_failure(self, error: str, at: datetime, *, is_last: bool) -> None:
        """Record the error of an attempt. `is_last`: no other one follows by itself."""
        self.error = error[:MAX_ERROR_LENGTH]
        self.version += 1
        if is_last:
            self.state, self.finished_at = OperationState.FAILED, at
        else:
            self.attempts += 1

    def give_up(self, at: datetime) -> None:
        """End it without an effect: its effect found nothing left to do, and did not complete it."""
        self.record_failure(GIVEN_UP, at, is_last=True)

    def succeed(self, at: datetime) -> None:
        self.state, self.finished_at, self.error = OperationState.SUCCEEDED, at, None
        self.version += 1
