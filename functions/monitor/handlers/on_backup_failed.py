"""Tell webhooks that a backup or a restore failed."""

from events.backups import BackupFailed
from events.monitor import WebhookDeliveryRequested
from functions.kernel import Done, Order, Scale, on
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher


@on(emits=[WebhookDeliveryRequested], order=Order.ANY, scale=Scale(max=2, pool=2))
async def on_backup_failed(event: BackupFailed, dispatcher: WebhookDispatcher) -> Done[None]:
    return Done(None, *await dispatcher.dispatch(event.user_id, event, event.at))
