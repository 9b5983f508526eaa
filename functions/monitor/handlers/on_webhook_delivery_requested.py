"""Send a delivery to its webhook, and record the result.

The delivery's row is the intent, and its id that of all attempts. Retries are requested by the delivery itself: its schedule
takes more than a day. While a team has MAX_ATTEMPTS_OF_TEAM in progress, another one is postponed. A webhook that fails for days,
or answers 410, is disabled.
"""

import logging

from events.monitor import WebhookDeliveryRequested, WebhookDisabled
from functions.kernel import Clock, Order, Permanent, Scale, Transient, Work, effect
from functions.monitor.domain.webhook import Webhook
from functions.monitor.domain.webhook_delivery import WebhookDelivery
from functions.monitor.ports import Vault, WebhookDeliveries, WebhookGone, Webhooks, WebhookStore
from functions.monitor.services.attempt_limiter import BUSY_DELAY, AttemptLimiter

_log = logging.getLogger("capsule.monitor")


@effect(emits=[WebhookDeliveryRequested, WebhookDisabled], order=Order.ANY, scale=Scale(max=3, pool=2))
async def on_webhook_delivery_requested(
    event: WebhookDeliveryRequested,
    deliveries: WebhookDeliveries,
    webhooks: WebhookStore,
    sender: Webhooks,
    limiter: AttemptLimiter,
    vault: Vault,
    clock: Clock,
    work: Work,
) -> None:
    async with work.reading():
        delivery = await deliveries.find(event.delivery_id)
        webhook = await webhooks.find_any(delivery.webhook_id) if delivery else None
    if delivery is None or webhook is None or not delivery.is_due(event.attempt):
        return

    with limiter.place(webhook.user_id) as has_place:
        if not has_place:
            async with work.recording() as record:
                if (waiting := await deliveries.lock(delivery.id)) and waiting.is_due(event.attempt):
                    record.emit(*waiting.postpone(BUSY_DELAY, clock.now()))
                    await deliveries.save(waiting)
            return
        response, failure = await _attempt(webhook, delivery, sender, vault, clock)

    async with work.recording() as record:
        locked = await webhooks.lock_any(webhook.id)
        current = await deliveries.lock(delivery.id)
        if locked is None or current is None or not current.is_due(event.attempt):
            return  # deleted since, or another attempt of this number was recorded
        now, is_last = clock.now(), current.is_last_attempt
        if not webhook.is_enabled:
            if locked.is_enabled:
                raise Transient("the webhook was enabled in the meantime")
            current.abandon(response, now)
        elif failure is None:
            current.succeed(response, now)
        else:
            record.emit(*current.record_failure(response, now))
        if webhook.is_enabled and locked.is_enabled and locked.url == webhook.url:  # else the result is not about the webhook as it is now
            if failure is None:
                locked.record_success()
            elif isinstance(failure, (Transient, Permanent)):
                record.emit(*locked.record_failure(now, is_gone=isinstance(failure, WebhookGone), is_last=is_last))
        await deliveries.save(current)
        await webhooks.save(locked)


async def _attempt(webhook: Webhook, delivery: WebhookDelivery, sender: Webhooks, vault: Vault, clock: Clock) -> tuple[str, Exception | None]:
    """Return the response, or why there is none, and what failed."""
    if not webhook.is_enabled:
        return f"the webhook is disabled ({webhook.disabled_reason})", None
    try:
        return await _post(webhook, delivery, sender, vault, clock), None
    except (Transient, Permanent) as error:
        return str(error), error
    except Exception as error:  # noqa: BLE001  an attempt that is not recorded would be requested again for ever
        _log.exception("webhook delivery %s cannot be sent", delivery.id)
        return f"Capsule could not send the request: {type(error).__name__}", error


async def _post(webhook: Webhook, delivery: WebhookDelivery, sender: Webhooks, vault: Vault, clock: Clock) -> str:
    now = clock.now()
    secrets = [vault.open(each) for each in webhook.sealed_secrets(now)]
    return await sender.post(webhook.url, secrets, delivery.id, delivery.payload.model_dump_json(by_alias=True).encode(), now)
