"""List the alerts of all your applications, newest first."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from functions.kernel import Caller, Model, Scale, query
from functions.monitor.domain.alerts import State
from functions.monitor.domain.applications import PLATFORM
from functions.monitor.domain.views import AlertView
from functions.monitor.ports import Alerts as AlertStore
from functions.monitor.ports import Applications


class ListAlerts(Model):
    """`before`: the id of the last one that was seen, to read on."""

    state: Literal["pending", "firing", "resolved"] | None = None
    before: UUID | None = None
    limit: int = Field(default=50, ge=1, le=200)


class AlertsView(Model):
    alerts: list[AlertView]


@query(http="GET /v1/alerts", scale=Scale(max=3, pool=2))
async def alerts(request: ListAlerts, caller: Caller, applications: Applications, alerts: AlertStore) -> AlertsView:
    names = {application.id: application.name for application in await applications.of_user(caller.user_id)}
    if caller.is_admin:
        names[PLATFORM.id] = PLATFORM.name
    states = [request.state] if request.state else [*State]
    found = await alerts.page(names, states, request.before, request.limit)
    return AlertsView(alerts=[AlertView.of(alert, names[alert.application_id]) for alert in found])
