"""Send e-mails to an address again."""

from events.platform import AddressUnsuppressed
from functions.kernel import Done, Order, Scale, on
from functions.runtime.reliability.email_suppressions import EmailSuppressions


@on(order=Order.ANY, scale=Scale(max=1, pool=1))
async def on_address_unsuppressed(event: AddressUnsuppressed, suppressions: EmailSuppressions) -> Done[None]:
    await suppressions.lift(event.address, event.at)
    return Done(None)
