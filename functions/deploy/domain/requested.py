"""The answer to whoever asked for a deployment, whatever for: where to look what becomes of it."""

from datetime import datetime
from typing import Self
from uuid import UUID

from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.names import EnvironmentName
from functions.kernel import Model


class RequestedDeployment(Model):
    id: UUID
    application_id: UUID
    environment: EnvironmentName
    cause: str
    ref: str | None
    release: int | None
    status: str
    requested_at: datetime
    correlation_id: str

    @classmethod
    def of(cls, deployment: Deployment) -> Self:
        return cls(
            id=deployment.id,
            application_id=deployment.application_id,
            environment=deployment.environment,
            cause=deployment.cause,
            ref=deployment.ref,
            release=deployment.release,
            status=deployment.status,
            requested_at=deployment.requested_at,
            correlation_id=deployment.correlation_id,
        )
