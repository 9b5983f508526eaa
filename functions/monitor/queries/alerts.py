"""What is or was wrong with a user's applications, the newest first; an admin sees what is wrong with the platform, too."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from functions.kernel import Caller, Model, Scale, query
from functions.monitor.domain.alerts import State
from functions.monitor.domain.applications import PLATFORM
from functions.monitor.domain.shown import ShownAlert
from functions.monitor.ports import Alerts as AlertStore
from functions.monitor.ports import Applications


class ListAlerts(Model):
    """`before`: the id of the last one that was seen, to read on."""

    state: Literal["pending", "firing", "resolved"] | None = None
    before: UUID | None = None
    limit: int = Field(default=50, ge=1, le=200)


class AlertsView(Model):
    alerts: list[ShownAlert]


@query(http="GET /v1/alerts", scale=Scale(max=3, pool=2))
async def alerts(asked: ListAlerts, caller: Caller, applications: Applications, alerts: AlertStore) -> AlertsView:
    names = {application.id: application.name for application in await applications.of_user(caller.user_id)}
    if caller.is_admin:
        names[PLATFORM.id] = PLATFORM.name
    states = [asked.state] if asked.state else [*State]
    found = await alerts.page(names, states, asked.before, asked.limit)
    return AlertsView(alerts=[ShownAlert.of(alert, names[alert.application_id]) for alert in found])
