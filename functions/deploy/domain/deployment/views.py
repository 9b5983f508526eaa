"""The answer of every command that starts or cancels a deployment."""

from datetime import datetime
from typing import Self
from uuid import UUID

from functions.deploy.domain.deployment.state import DeploymentState
from functions.deploy.domain.names import EnvironmentName
from functions.kernel import Model


class DeploymentAccepted(Model):
    """The deployment continues in the background: follow its operation, or poll it by its id, for the outcome."""

    id: UUID
    operation_id: UUID
    """The id of the deployment."""
    application_id: UUID
    environment: EnvironmentName
    cause: str
    ref: str | None
    release: int | None
    status: str
    requested_at: datetime
    correlation_id: str

    @classmethod
    def of(cls, deployment: DeploymentState) -> Self:
        return cls(
            id=deployment.id,
            operation_id=deployment.id,
            application_id=deployment.application_id,
            environment=deployment.environment,
            cause=deployment.cause,
            ref=deployment.ref,
            release=deployment.release,
            status=deployment.status,
            requested_at=deployment.requested_at,
            correlation_id=deployment.correlation_id,
        )
