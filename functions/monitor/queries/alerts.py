"""What is or was wrong with a user's applications, the newest first."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from functions.kernel import Caller, Model, Scale, query
from functions.monitor.domain.alerts import State
from functions.monitor.ports import Alerts as AlertStore
from functions.monitor.ports import Applications


class ListAlerts(Model):
    """`before`: the id of the last one that was seen, to read on."""

    state: Literal["pending", "firing", "resolved"] | None = None
    before: UUID | None = None
    limit: int = Field(default=50, ge=1, le=200)


class AlertOfUser(Model):
    """`notified_at`: when its owner was last told."""

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


class AlertsView(Model):
    alerts: list[AlertOfUser]


@query(http="GET /v1/alerts", scale=Scale(max=3, pool=2))
async def alerts(asked: ListAlerts, caller: Caller, applications: Applications, alerts: AlertStore) -> AlertsView:
    names = {application.id: application.name for application in await applications.of_user(caller.user_id)}
    states = [asked.state] if asked.state else [*State]
    return AlertsView(
        alerts=[
            AlertOfUser(
                id=alert.id,
                application_id=alert.application_id,
                application=names[alert.application_id],
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
            for alert in await alerts.page(names, states, asked.before, asked.limit)
        ]
    )
