"""Handle a bounce or complaint of Amazon SES.

It arrives by Amazon SNS. The signature is verified afterwards, between transactions: it needs a certificate of AWS. Until then only the
topic is checked.
"""

from functions.auth.domain.ses_notification import InvalidNotification, SesNotificationReceived, UnknownTopic, parse_sns
from functions.auth.ports import Notifications
from functions.kernel import ANYONE, Done, RawRequest, Scale, command


class SesNotification(RawRequest):
    """The request as Amazon SNS sends it."""


@command(
    http="POST /v1/email/notifications/ses",
    status=204,
    allow=ANYONE,
    rejects=[InvalidNotification, UnknownTopic],
    emits=[SesNotificationReceived],
    has_audit_entry=False,
    scale=Scale(max=2),
)
async def receive_ses_notification(request: SesNotification, notifications: Notifications) -> Done[None]:
    if not notifications.accepts(parse_sns(request.body).topic):
        raise UnknownTopic
    return Done(None, SesNotificationReceived(body=request.body.decode()))
