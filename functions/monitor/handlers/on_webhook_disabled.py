"""Tell a team that its webhook was disabled.

By e-mail, and by its other webhooks.
"""

from events.monitor import WebhookDeliveryRequested, WebhookDisabled
from functions.kernel import Scale, Work, effect
from functions.monitor.ports import Addresses, WebhookNotices
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher


@effect(emits=[WebhookDeliveryRequested], scale=Scale(max=1, pool=1))
async def on_webhook_disabled(
    event: WebhookDisabled, addresses: Addresses, notices: WebhookNotices, dispatcher: WebhookDispatcher, work: Work
) -> None:
    async with work.reading():
        address = await addresses.of(event.user_id)
    if address is not None:
        await notices.send_disabled(event.webhook_id, address, event.url, event.webhook_id, event.reason)
    async with work.recording() as record:
        record.emit(*await dispatcher.dispatch(event.user_id, event, event.at))
