"""List the alerts of one application, newest first."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from functions.kernel import Model, Page, Permission, Permit, Scale, query
from functions.monitor.domain.alerts import State
from functions.monitor.domain.rejections import ApplicationNotFound
from functions.monitor.domain.views import AlertView
from functions.monitor.ports import Alerts, Applications
from functions.monitor.services.access_control import AccessControl


class ListApplicationAlerts(Model):
    application_id: UUID
    state: Literal["pending", "firing", "resolved"] | None = None
    cursor: UUID | None = None
    """`next` of the previous page."""
    limit: int = Field(default=50, ge=1, le=200)


@query(http="GET /v1/apps/{application_id}/alerts", permission=Permission.ALERTS_READ, rejects=[ApplicationNotFound], scale=Scale(max=2, pool=2))
async def application_alerts(
    request: ListApplicationAlerts, control: AccessControl, permit: Permit, applications: Applications, alerts: Alerts
) -> Page[AlertView]:
    application = await applications.get(await control.to_application(permit, request.application_id))

    states = [request.state] if request.state else [*State]
    rows = await alerts.page([application.id], states, request.cursor, request.limit + 1)
    return Page.from_rows(rows, request.limit, lambda alert: AlertView.of(alert, application.name), cursor=lambda alert: alert.id)
