"""An alert as the API returns it."""

from datetime import datetime
from typing import Self
from uuid import UUID

from functions.kernel import Model
from functions.monitor.domain.alerts import Alert


class AlertView(Model):
    """`notified_at`: when its last notification was sent. For the platform (`application` "capsule") `environment` is the function."""

    id: UUID
    application_id: UUID
    application: str
    kind: str
    environment: str
    state: str
    summary: str
    value: float | None
    threshold: float | None
    deployment_id: UUID | None
    correlation_id: str | None
    occurrences: int
    began_at: datetime
    fired_at: datetime | None
    resolved_at: datetime | None
    acknowledged_at: datetime | None
    notified_at: datetime | None

    @classmethod
    def of(cls, alert: Alert, application: str) -> Self:
        return cls(
            id=alert.id,
            application_id=alert.application_id,
            application=application,
            kind=alert.kind,
            environment=alert.environment,
            state=alert.state,
            summary=alert.summary,
            value=alert.value,
            threshold=alert.threshold,
            deployment_id=alert.deployment_id,
            correlation_id=alert.correlation_id,
            occurrences=alert.occurrences,
            began_at=alert.began_at,
            fired_at=alert.fired_at,
            resolved_at=alert.resolved_at,
            acknowledged_at=alert.acknowledged_at,
            notified_at=alert.notified_at,
        )
