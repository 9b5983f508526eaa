"""List the deliveries of a webhook, newest first."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.kernel import Model, Page, Permission, Permit, Scale, query
from functions.monitor.domain.notifications import DeliveryState
from functions.monitor.domain.rejections import WebhookNotFound
from functions.monitor.domain.webhook_views import WebhookDeliveryView
from functions.monitor.ports import WebhookDeliveries, WebhookStore
from functions.monitor.services.webhook_access import WebhookAccess


class ListWebhookDeliveries(Model):
    webhook_id: UUID
    state: DeliveryState | None = None
    cursor: UUID | None = None
    """`next` of the previous page."""
    limit: Annotated[int, Field(ge=1, le=200)] = 50


@query(
    http="GET /v1/webhooks/{webhook_id}/deliveries",
    permission=Permission.WEBHOOKS_MANAGE,
    rejects=[WebhookNotFound],
    scale=Scale(max=2, pool=1),
)
async def webhook_deliveries(
    request: ListWebhookDeliveries, webhooks: WebhookStore, deliveries: WebhookDeliveries, access: WebhookAccess, permit: Permit
) -> Page[WebhookDeliveryView]:
    webhook = await webhooks.get(await access.to_webhook(permit, request.webhook_id), request.webhook_id)
    states = [request.state] if request.state else []
    rows = await deliveries.page(webhook, states, before=request.cursor, limit=request.limit + 1)
    return Page.from_rows(rows, request.limit, WebhookDeliveryView.of, cursor=lambda row: row.id)
