"""Tell a team that its webhook was disabled.

By its other webhooks, and by an e-mail, which is requested here: one that fails holds nothing back.
"""

from events.monitor import WebhookDeliveryRequested, WebhookDisabled, WebhookDisabledNoticeRequested
from functions.kernel import Done, Order, Scale, new_id, on
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher


@on(emits=[WebhookDeliveryRequested, WebhookDisabledNoticeRequested], order=Order.ANY, scale=Scale(max=1, pool=1))
async def on_webhook_disabled(event: WebhookDisabled, dispatcher: WebhookDispatcher) -> Done[None]:
    notice = WebhookDisabledNoticeRequested(
        notice_id=new_id(), webhook_id=event.webhook_id, user_id=event.user_id, url=event.url, reason=event.reason
    )
    return Done(None, notice, *await dispatcher.dispatch(event.user_id, event, event.at))
