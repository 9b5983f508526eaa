"""E-mail the credit note of a refund that failed.

It stays valid: the operator pays it in another way.
"""

from events.billing import RefundFailed
from functions.billing.services.credit_note_sender import CreditNoteSender
from functions.kernel import Work, effect


@effect()
async def on_refund_failed(event: RefundFailed, sender: CreditNoteSender, work: Work) -> None:
    await sender.send(event.credit_note_id, work)
