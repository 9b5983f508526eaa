"""What is or was wrong with one application, the newest first."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from functions.kernel import Caller, Model, Scale, query
from functions.monitor.domain.alerts import State
from functions.monitor.domain.rejections import ApplicationNotFound
from functions.monitor.ports import Alerts, Applications


class ListApplicationAlerts(Model):
    """`before`: the id of the last one that was seen, to read on."""

    application_id: UUID
    state: Literal["pending", "firing", "resolved"] | None = None
    before: UUID | None = None
    limit: int = Field(default=50, ge=1, le=200)


class AlertOfApplication(Model):
    """`notified_at`: when its owner was last told."""

    id: UUID
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


class ApplicationAlertsView(Model):
    alerts: list[AlertOfApplication]


@query(http="GET /v1/apps/{application_id}/alerts", rejects=[ApplicationNotFound], scale=Scale(max=2, pool=2))
async def application_alerts(asked: ListApplicationAlerts, caller: Caller, applications: Applications, alerts: Alerts) -> ApplicationAlertsView:
    application = await applications.get(asked.application_id)
    if application is None or not application.readable_by(caller):
        raise ApplicationNotFound

    states = [asked.state] if asked.state else [*State]
    return ApplicationAlertsView(
        alerts=[
            AlertOfApplication(
                id=alert.id,
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
                notified_at=alert.told_at,
            )
            for alert in await alerts.page([application.id], states, asked.before, asked.limit)
        ]
    )
