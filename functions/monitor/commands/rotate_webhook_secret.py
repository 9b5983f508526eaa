"""Replace the secret of a webhook.

The new secret is shown this once. For 24 hours requests have two signatures, with the new and the previous secret.
"""

from uuid import UUID

from functions.kernel import Clock, Done, Model, Permission, Permit, Scale, command
from functions.monitor.domain.notifications import new_secret
from functions.monitor.domain.rejections import WebhookNotFound
from functions.monitor.domain.webhook_views import WebhookSecretView
from functions.monitor.ports import Vault, WebhookStore
from functions.monitor.services.webhook_access import WebhookAccess


class RotateWebhookSecret(Model):
    webhook_id: UUID


@command(
    http="POST /v1/webhooks/{webhook_id}/secret-rotation",
    permission=Permission.WEBHOOKS_MANAGE,
    rejects=[WebhookNotFound],
    scale=Scale(max=2, pool=1),
    has_secret_response=True,
)
async def rotate_webhook_secret(
    request: RotateWebhookSecret, webhooks: WebhookStore, access: WebhookAccess, vault: Vault, permit: Permit, clock: Clock
) -> Done[WebhookSecretView]:
    webhook = await webhooks.lock(await access.to_webhook(permit, request.webhook_id), request.webhook_id)
    secret = new_secret()
    webhook.rotate(vault.seal(secret), clock.now())
    await webhooks.save(webhook)
    return Done(WebhookSecretView(id=webhook.id, secret=secret, previous_secret_expires_at=webhook.previous_secret_expires_at))
