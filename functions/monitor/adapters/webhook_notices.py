"""E-mails about webhooks that were disabled, in plain text and HTML."""

from uuid import UUID

from functions.runtime.email.message import OutgoingEmail
from functions.runtime.email.transport import EmailTransport
from functions.wire.email_layout import Block, Command, render

REASONS = {
    "failing": "A delivery to it failed for good, and so did all attempts of five days before.",
    "gone": "It answered 410 Gone, which says that it wants no more requests.",
}


class WebhookNoticeSender:
    def __init__(self, transport: EmailTransport) -> None:
        self._transport = transport

    async def send_disabled(self, intent: UUID, to: str, url: str, webhook_id: UUID, reason: str) -> None:
        blocks: list[Block] = [
            f"Capsule has disabled your webhook at {url}. {REASONS[reason]} Events are not sent to it, and not stored for it.",
            "See what it answered, and enable it when it works:",
            Command(f"capsule webhooks deliveries {webhook_id}"),
            Command(f"capsule webhooks update {webhook_id} --enable"),
        ]
        await self._transport.send(OutgoingEmail(intent, to, f"[Capsule] Your webhook at {url} was disabled", *render(blocks)))
