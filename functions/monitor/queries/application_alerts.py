"""List the alerts of one application, newest first."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from functions.kernel import Caller, Model, Scale, query
from functions.monitor.domain.alerts import State
from functions.monitor.domain.rejections import ApplicationNotFound
from functions.monitor.domain.views import AlertView
from functions.monitor.ports import Alerts, Applications, readable_application


class ListApplicationAlerts(Model):
    """`before`: the id of the last one that was seen, to read on."""

    application_id: UUID
    state: Literal["pending", "firing", "resolved"] | None = None
    before: UUID | None = None
    limit: int = Field(default=50, ge=1, le=200)


class ApplicationAlertsView(Model):
    alerts: list[AlertView]


@query(http="GET /v1/apps/{application_id}/alerts", rejects=[ApplicationNotFound], scale=Scale(max=2, pool=2))
async def application_alerts(request: ListApplicationAlerts, caller: Caller, applications: Applications, alerts: Alerts) -> ApplicationAlertsView:
    application = await readable_application(applications, request.application_id, caller)

    states = [request.state] if request.state else [*State]
    found = await alerts.page([application.id], states, request.before, request.limit)
    return ApplicationAlertsView(alerts=[AlertView.of(alert, application.name) for alert in found])
