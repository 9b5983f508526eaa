"""Send no more e-mails to an address that they do not reach.

Every context keeps its own list of these addresses.
"""

from events.platform import AddressSuppressed
from functions.kernel import Done, Order, Scale, on
from functions.runtime.reliability.email_suppressions import EmailSuppressions
from functions.wire.email_suppression import Suppression, SuppressionReason


@on(
    order=Order.ANY,
    emits=[AddressSuppressed],  # by the runtime, for each effect whose e-mail is refused
    scale=Scale(max=1, pool=1),
)
async def on_address_suppressed(event: AddressSuppressed, suppressions: EmailSuppressions) -> Done[None]:
    await suppressions.suppress(Suppression(event.address, SuppressionReason(event.reason), event.detail, event.at))
    return Done(None)
