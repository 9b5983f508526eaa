"""List the alerts of all your applications, newest first."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from functions.kernel import Caller, Model, Page, Scale, query
from functions.monitor.domain.alerts import State
from functions.monitor.domain.applications import PLATFORM
from functions.monitor.domain.views import AlertView
from functions.monitor.ports import Alerts as AlertStore
from functions.monitor.ports import Applications


class ListAlerts(Model):
    state: Literal["pending", "firing", "resolved"] | None = None
    cursor: UUID | None = None
    """`next` of the previous page."""
    limit: int = Field(default=50, ge=1, le=200)


@query(http="GET /v1/alerts", scale=Scale(max=3, pool=2))
async def alerts(request: ListAlerts, caller: Caller, applications: Applications, alerts: AlertStore) -> Page[AlertView]:
    names = {application.id: application.name for application in await applications.of_user(caller.user_id)}
    if caller.is_admin:
        names[PLATFORM.id] = PLATFORM.name
    states = [request.state] if request.state else [*State]
    rows = await alerts.page(names, states, request.cursor, request.limit + 1)
    return Page.from_rows(rows, request.limit, lambda alert: AlertView.of(alert, names[alert.application_id]), cursor=lambda alert: alert.id)
