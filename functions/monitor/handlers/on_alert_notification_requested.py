"""A notification goes out, by mail or to a webhook, and the log of deliveries says what became of it.

The delivery's row is the intent: what is sent, where, and under which id with every try, so that a mail sent twice is recognisably one, and the
receiver of a webhook can tell. What may pass is tried again by the runtime, later and later.
"""

from events.monitor import AlertNotificationRequested
from functions.kernel import Clock, Permanent, Scale, Transient, Work, effect
from functions.monitor.domain.notifications import Delivery, Outcome
from functions.monitor.ports import Channels, Deliveries, Mailer, Vault, Webhooks


@effect(scale=Scale(max=3, pool=2))
async def on_alert_notification_requested(
    requested: AlertNotificationRequested,
    deliveries: Deliveries,
    channels: Channels,
    mailer: Mailer,
    webhooks: Webhooks,
    vault: Vault,
    clock: Clock,
    work: Work,
) -> None:
    async with work.reading():
        delivery = await deliveries.get(requested.delivery_id)
        channel = await channels.get(delivery.channel_id) if delivery and delivery.channel_id else None
    if delivery is None or delivery.state is not Outcome.PENDING:
        return

    delivered, answer = False, "the channel was deleted"
    if channel is not None or delivery.channel_id is None:
        try:
            answer = await _send(delivery, vault.open(channel.secret) if channel else "", mailer, webhooks, clock)
            delivered = True
        except Transient as trouble:
            async with work.preparing():
                await deliveries.tried(delivery.id, str(trouble))
            raise
        except Permanent as refusal:
            answer = str(refusal)

    async with work.recording():
        await deliveries.finished(delivery.id, delivered, answer, clock.now())


async def _send(delivery: Delivery, secret: str, mailer: Mailer, webhooks: Webhooks, clock: Clock) -> str:
    if delivery.channel_id is None:
        await mailer.send(delivery.id, delivery.target, delivery.content)
        return "sent"
    body = delivery.content.model_dump_json(by_alias=True).encode()
    return await webhooks.post(delivery.target, secret, delivery.id, body, clock.now())
