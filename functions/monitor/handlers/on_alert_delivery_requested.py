"""Decide which notifications an alert sends, to whom.

Alerts that changed together go into one notification per recipient. Each is frozen as a delivery and committed here; sending it is the work of
on_alert_notification_requested. A resolved deployment alert notifies webhooks only: the owner has just seen the deployment that resolved it.
Alerts of the platform go to its webhooks and to the addresses in CAPSULE_OPERATORS.
"""

from events.monitor import AlertNotificationRequested
from functions.kernel import Clock, Delayed, Done, Event, Order, Retry, Scale, Transient, on
from functions.monitor.domain.alerts import Alert, Notice
from functions.monitor.domain.notifications import Delivery, notification
from functions.monitor.domain.timers import AlertDeliveryRequested
from functions.monitor.ports import Addresses, Alerts, Applications, Channels, Deliveries, Operators

WAIT_FOR_ADDRESS = Retry(attempts=16)
"""About ten hours: `user.created` and `application.created` may arrive late, and an alert must not become a dead letter meanwhile."""


@on(emits=[AlertNotificationRequested, AlertDeliveryRequested], order=Order.ANY, scale=Scale(max=2, pool=2), retry=WAIT_FOR_ADDRESS)
async def on_alert_delivery_requested(
    event: AlertDeliveryRequested,
    alerts: Alerts,
    applications: Applications,
    addresses: Addresses,
    channels: Channels,
    deliveries: Deliveries,
    operators: Operators,
    clock: Clock,
) -> Done[None]:
    known = await alerts.get(event.alert_id)
    if known is None:
        return Done(None)
    application = await applications.find(known.application_id)
    if application is not None and application.is_platform:
        recipients = [*operators.addresses()]
    elif application is not None and (address := await addresses.of(application.user_id)) is not None:
        recipients = [address]
    else:
        raise Transient("the owner's e-mail address is not known yet")

    now, messages = clock.now(), list[Event | Delayed]()
    notices: dict[Notice, list[Alert]] = {}
    for alert in await alerts.open_of(known.application_id):
        if notice := alert.notice(now):
            notices.setdefault(notice, []).append(alert)
            messages += alert.notify(notice, now)
        else:
            alert.close_if_settled(now)
        await alerts.save(alert)

    for notice, alerts_to_notify in notices.items():
        content = notification(notice, application, alerts_to_notify, now)
        emailed = [alert for alert in alerts_to_notify if notice is Notice.FIRING or alert.kind.is_measured]
        batch = [Delivery.to_webhook(channel, content, notice) for channel in await channels.of(application.id)]
        if emailed:
            batch += [Delivery.by_mail(address, notification(notice, application, emailed, now), notice) for address in recipients]
        for delivery in batch:
            await deliveries.add(delivery)
            messages.append(AlertNotificationRequested(delivery_id=delivery.id, application_id=application.id, at=now))
    return Done(None, *messages)
