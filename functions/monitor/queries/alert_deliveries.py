"""List sent and failed notifications, newest first."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from functions.kernel import Caller, Model, Scale, query
from functions.monitor.domain.rejections import ApplicationNotFound
from functions.monitor.ports import Applications, Deliveries, readable_application


class ListAlertDeliveries(Model):
    """`before`: the id of the last one that was seen, to read on."""

    application_id: UUID
    before: UUID | None = None
    limit: int = Field(default=50, ge=1, le=200)


class AlertDeliveryView(Model):
    """`target`: an address of mail, or of the webhook `channel_id`. `state`: pending, delivered or failed; `answer`: what the other side said."""

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


class AlertDeliveriesView(Model):
    deliveries: list[AlertDeliveryView]


@query(http="GET /v1/apps/{application_id}/alert-deliveries", rejects=[ApplicationNotFound], scale=Scale(max=2, pool=1))
async def alert_deliveries(request: ListAlertDeliveries, caller: Caller, applications: Applications, deliveries: Deliveries) -> AlertDeliveriesView:
    application = await readable_application(applications, request.application_id, caller)

    return AlertDeliveriesView(
        deliveries=[
            AlertDeliveryView(
                id=delivery.id,
                channel_id=delivery.channel_id,
                target=delivery.target,
                notice=delivery.notice,
                alert_ids=[alert.alert_id for alert in delivery.content.alerts],
                state=delivery.state,
                attempts=delivery.attempts,
                answer=delivery.answer,
                created_at=delivery.created_at,
                finished_at=delivery.finished_at,
            )
            for delivery in await deliveries.of(application.id, request.before, request.limit)
        ]
    )
