"""List sent and failed notifications, newest first."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from functions.kernel import Model, Page, Permission, Permit, Scale, query
from functions.monitor.domain.notifications import Delivery
from functions.monitor.domain.rejections import ApplicationNotFound
from functions.monitor.domain.webhook_url import address_of
from functions.monitor.ports import Applications, Deliveries
from functions.monitor.services.access_control import AccessControl


class ListAlertDeliveries(Model):
    application_id: UUID
    cursor: UUID | None = None
    """`next` of the previous page."""
    limit: int = Field(default=50, ge=1, le=200)


class AlertDeliveryView(Model):
    """`target`: an e-mail address, or the URL of the webhook `channel_id`: scheme, host and port only for who may not change alerts.

    `state`: pending, delivered or failed. `answer`: the last response.
    """

    id: UUID
    channel_id: UUID | None
    target: str
    notice: str
    alert_ids: list[UUID]
    state: str
    attempts: int
    answer: str
    created_at: datetime
    finished_at: datetime | None


@query(
    http="GET /v1/apps/{application_id}/alert-deliveries",
    permission=Permission.ALERTS_READ,
    rejects=[ApplicationNotFound],
    scale=Scale(max=2, pool=1),
)
async def alert_deliveries(
    request: ListAlertDeliveries, control: AccessControl, permit: Permit, applications: Applications, deliveries: Deliveries
) -> Page[AlertDeliveryView]:
    checked = await control.to_application(permit, request.application_id)
    application = await applications.get(checked)
    is_whole = checked.also_allows(Permission.ALERTS_WRITE)

    rows = await deliveries.of(application.id, request.cursor, request.limit + 1)
    return Page.from_rows(rows, request.limit, lambda delivery: _view(delivery, is_whole), cursor=lambda delivery: delivery.id)


def _view(delivery: Delivery, is_whole: bool) -> AlertDeliveryView:
    return AlertDeliveryView(
        id=delivery.id,
        channel_id=delivery.channel_id,
        target=delivery.target if is_whole or delivery.channel_id is None else address_of(delivery.target),
        notice=delivery.notice,
        alert_ids=[alert.alert_id for alert in delivery.content.alerts],
        state=delivery.state,
        attempts=delivery.attempts,
        answer=delivery.answer,
        created_at=delivery.created_at,
        finished_at=delivery.finished_at,
    )
