"""Send a notification and record the result.

The delivery's row is the intent: content, recipient and one id for all attempts, so that a repeated e-mail or webhook is recognizable as the same.
The runtime retries transient failures. A webhook that fails in every attempt has failed: its host is the customer's, and nothing for an operator to
repair. An e-mail that cannot be sent becomes a dead letter, because the mail server is the platform's.
"""

from events.monitor import AlertNotificationRequested
from functions.kernel import Clock, Permanent, Scale, Transient, Work, effect
from functions.monitor.domain.notifications import Delivery, DeliveryState
from functions.monitor.ports import Channels, Deliveries, Mailer, Vault, Webhooks


@effect(scale=Scale(max=3, pool=2))
async def on_alert_notification_requested(
    event: AlertNotificationRequested,
    deliveries: Deliveries,
    channels: Channels,
    mailer: Mailer,
    webhooks: Webhooks,
    vault: Vault,
    clock: Clock,
    work: Work,
) -> None:
    async with work.reading():
        delivery = await deliveries.get(event.delivery_id)
        channel = await channels.get(delivery.channel_id) if delivery and delivery.channel_id else None
    if delivery is None or delivery.state is not DeliveryState.PENDING:
        return

    delivered, answer = False, "the webhook was deleted"
    if channel is not None or delivery.channel_id is None:
        try:
            answer = await _send(delivery, vault.open(channel.secret) if channel else "", mailer, webhooks, clock)
            delivered = True
        except Permanent as refusal:
            answer = str(refusal)
        except Exception as error:
            is_transient = isinstance(error, Transient)
            answer = str(error) if is_transient else f"Capsule could not send it: {type(error).__name__}"
            if not (is_transient and work.is_last_attempt and delivery.channel_id is not None):
                async with work.preparing():
                    await deliveries.record_attempt(delivery.id, answer)
                raise

    async with work.recording():
        await deliveries.finish(delivery.id, delivered, answer, clock.now())


async def _send(delivery: Delivery, secret: str, mailer: Mailer, webhooks: Webhooks, clock: Clock) -> str:
    if delivery.channel_id is None:
        await mailer.send(delivery.id, delivery.target, delivery.content)
        return "sent"
    body = delivery.content.model_dump_json(by_alias=True).encode()
    return await webhooks.post(delivery.target, [secret], delivery.id, body, clock.now())
