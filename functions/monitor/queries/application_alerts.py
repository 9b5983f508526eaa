"""What is or was wrong with one application, the newest first."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from functions.kernel import Caller, Model, Scale, query
from functions.monitor.domain.alerts import State
from functions.monitor.domain.rejections import ApplicationNotFound
from functions.monitor.domain.shown import ShownAlert
from functions.monitor.ports import Alerts, Applications


class ListApplicationAlerts(Model):
    """`before`: the id of the last one that was seen, to read on."""

    application_id: UUID
    state: Literal["pending", "firing", "resolved"] | None = None
    before: UUID | None = None
    limit: int = Field(default=50, ge=1, le=200)


class ApplicationAlertsView(Model):
    alerts: list[ShownAlert]


@query(http="GET /v1/apps/{application_id}/alerts", rejects=[ApplicationNotFound], scale=Scale(max=2, pool=2))
async def application_alerts(asked: ListApplicationAlerts, caller: Caller, applications: Applications, alerts: Alerts) -> ApplicationAlertsView:
    application = await applications.get(asked.application_id)
    if application is None or not application.readable_by(caller):
        raise ApplicationNotFound

    states = [asked.state] if asked.state else [*State]
    found = await alerts.page([application.id], states, asked.before, asked.limit)
    return ApplicationAlertsView(alerts=[ShownAlert.of(alert, application.name) for alert in found])
