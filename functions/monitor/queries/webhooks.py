"""List the webhooks of a team."""

from uuid import UUID

from functions.kernel import Model, Page, Permission, Permit, Scale, query
from functions.monitor.domain.rejections import TeamNotFound
from functions.monitor.domain.webhook_views import WebhookView
from functions.monitor.ports import WebhookStore
from functions.monitor.services.webhook_access import WebhookAccess


class ListWebhooks(Model):
    team_id: UUID | None = None
    """Default: the personal team."""


@query(http="GET /v1/webhooks", permission=Permission.WEBHOOKS_MANAGE, rejects=[TeamNotFound], scale=Scale(max=2, pool=1))
async def webhooks(request: ListWebhooks, webhooks: WebhookStore, access: WebhookAccess, permit: Permit) -> Page[WebhookView]:
    rows = await webhooks.list_of(await access.to_team(permit, request.team_id))
    return Page(items=[WebhookView.of(each) for each in rows])
