"""List the alerts of your teams' applications, newest first."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from functions.kernel import Model, Page, Permission, Permit, Scale, query
from functions.monitor.domain.alerts import State
from functions.monitor.domain.applications import PLATFORM
from functions.monitor.domain.views import AlertView
from functions.monitor.ports import Alerts as AlertStore
from functions.monitor.ports import Applications, Memberships


class ListAlerts(Model):
    state: Literal["pending", "firing", "resolved"] | None = None
    cursor: UUID | None = None
    """`next` of the previous page."""
    limit: int = Field(default=50, ge=1, le=200)


@query(http="GET /v1/alerts", permission=Permission.ALERTS_READ, scale=Scale(max=3, pool=2))
async def alerts(request: ListAlerts, memberships: Memberships, permit: Permit, applications: Applications, alerts: AlertStore) -> Page[AlertView]:
    teams = [each.team_id for each in await memberships.list_of(permit.caller.user_id) if each.allows(permit.permission)]
    names = {application.id: application.name for application in await applications.of_teams(teams)}
    if permit.caller.is_admin:
        names[PLATFORM.id] = PLATFORM.name
    states = [request.state] if request.state else [*State]
    rows = await alerts.page(names, states, request.cursor, request.limit + 1)
    return Page.from_rows(rows, request.limit, lambda alert: AlertView.of(alert, names[alert.application_id]), cursor=lambda alert: alert.id)
