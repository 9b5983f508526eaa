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
    others = [PLATFORM.id] if permit.caller.is_admin else []
    states = [request.state] if request.state else [*State]
    rows = await alerts.page_of_teams(teams, others, states, request.cursor, request.limit + 1)
    owned = await applications.find_many({alert.application_id for alert in rows} - {PLATFORM.id})
    named = {**owned, PLATFORM.id: PLATFORM}
    return Page.from_rows(rows, request.limit, lambda alert: AlertView.of(alert, named[alert.application_id].name), cursor=lambda alert: alert.id)
