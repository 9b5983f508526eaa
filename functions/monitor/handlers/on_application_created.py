"""Learn an application's owner and create its preset rules.

Usage that was measured before its owner was known is published now.
"""

from events.deploy import ApplicationCreated
from events.monitor import UsageMeasured, WebhookDeliveryRequested
from functions.kernel import Done, Scale, on
from functions.monitor.domain.applications import Application
from functions.monitor.domain.rules import presets
from functions.monitor.ports import Applications, Rules, UnownedUsage
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher


@on(emits=[UsageMeasured, WebhookDeliveryRequested], scale=Scale(concurrency=64, pool=4, batch=16))
async def on_application_created(
    event: ApplicationCreated, applications: Applications, unowned: UnownedUsage, rules: Rules, dispatcher: WebhookDispatcher
) -> Done[None]:
    await applications.lock([event.application_id])
    await applications.keep(Application(event.application_id, event.user_id, event.name))
    await rules.add_missing_presets(presets(event.application_id, event.at))

    held = await unowned.release(event.application_id)
    return Done(None, *(usage.event(event.user_id) for usage in held), *await dispatcher.dispatch(event.user_id, event, event.at))
