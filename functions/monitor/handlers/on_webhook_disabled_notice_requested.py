"""Send a team the e-mail that its webhook was disabled.

The id of the notice is the intent of the e-mail.
"""

from events.monitor import WebhookDisabledNoticeRequested
from functions.kernel import Scale, Work, effect
from functions.monitor.ports import Addresses, WebhookNotices


@effect(scale=Scale(max=1, pool=1))
async def on_webhook_disabled_notice_requested(
    event: WebhookDisabledNoticeRequested, addresses: Addresses, notices: WebhookNotices, work: Work
) -> None:
    async with work.reading():
        address = await addresses.of(event.user_id)
    if address is not None:
        await notices.send_disabled(event.notice_id, address, event.url, event.webhook_id, event.reason)
    async with work.recording():
        pass  # claims the message: a repeated e-mail has the same Message-ID
