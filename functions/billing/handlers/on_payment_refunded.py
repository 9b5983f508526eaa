"""E-mail the credit note of a refund that succeeded."""

from events.billing import PaymentRefunded
from functions.billing.services.credit_note_sender import CreditNoteSender
from functions.kernel import Work, effect


@effect()
async def on_payment_refunded(event: PaymentRefunded, sender: CreditNoteSender, work: Work) -> None:
    await sender.send(event.credit_note_id, work)
