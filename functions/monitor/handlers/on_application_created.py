"""Learn an application's owner and creation.

Usage that was measured before its owner was known is published now.
"""

from collections.abc import Sequence

from events.deploy import ApplicationCreated
from events.monitor import UsageMeasured, WebhookDeliveryRequested
from functions.kernel import Done, Scale, on
from functions.monitor.domain.applications import Application
from functions.monitor.ports import Applications, UnownedUsage
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher


@on(emits=[UsageMeasured, WebhookDeliveryRequested], scale=Scale(concurrency=100, pool=4, batch=100))
async def on_application_created(
    events: Sequence[ApplicationCreated], applications: Applications, unowned: UnownedUsage, dispatcher: WebhookDispatcher
) -> Sequence[Done[None]]:
    ids = [event.application_id for event in events]
    await applications.lock(ids)
    created = [Application(event.application_id, event.user_id, event.name, created_at=event.at) for event in events]
    await applications.keep(created)

    released = unowned.release(ids)
    deliveries = await dispatcher.dispatch_all([(event.user_id, event, event.at) for event in events])
    held = await released
    return [
        Done(None, *(usage.event(application) for usage in held if usage.application_id == application.id), *messages)
        for application, messages in zip(created, deliveries, strict=True)
    ]
