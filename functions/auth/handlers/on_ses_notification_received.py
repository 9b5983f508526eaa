"""Record the addresses of a bounce or complaint.

Or confirm the subscription of this URL. A forged message changes nothing. The time at which the notification was sent decides, so one that
arrives twice, or after the suppression was lifted, changes nothing either.
"""

import logging

from events.platform import AddressSuppressed
from functions.auth.domain.ses_notification import (
    ForgedNotification,
    InvalidNotification,
    SesNotificationReceived,
    SnsType,
    parse_sns,
    suppressions_of,
)
from functions.auth.ports import Notifications, Suppressions
from functions.kernel import Clock, Scale, Work, effect

_log = logging.getLogger("capsule.email")


@effect(emits=[AddressSuppressed], scale=Scale(max=1))
async def on_ses_notification_received(
    event: SesNotificationReceived, notifications: Notifications, suppressions: Suppressions, clock: Clock, work: Work
) -> None:
    message = parse_sns(event.body)
    reported = []
    try:
        await notifications.verify(message)
        if message.type is SnsType.SUBSCRIPTION:
            await notifications.confirm(message)
        elif message.type is SnsType.NOTIFICATION:
            reported = suppressions_of(message.message, min(message.sent_at, clock.now()))
    except (ForgedNotification, InvalidNotification) as error:
        _log.warning("a notification of %s is ignored: %s", message.topic, error)
    async with work.recording() as record:
        for each in reported:
            if await suppressions.suppress(each):
                record.emit(AddressSuppressed(address=each.address, reason=each.reason, detail=each.detail, at=each.suppressed_at))
