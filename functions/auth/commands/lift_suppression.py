"""Send e-mails to an address again.

If the next e-mail bounces, the address is suppressed again.
"""

from typing import Annotated

from pydantic import Field

from events.platform import AddressUnsuppressed
from functions.auth.domain.email_delivery import AddressNotSuppressed
from functions.auth.ports import Suppressions
from functions.kernel import ADMIN, Change, Clock, Done, Model, Scale, Text, command


class LiftSuppression(Model):
    address: Annotated[Text, Field(max_length=320, examples=["ada@example.org"])]


@command(
    http="DELETE /v1/admin/email-suppressions/{address}",
    status=204,
    allow=ADMIN,
    rejects=[AddressNotSuppressed],
    emits=[AddressUnsuppressed],
    scale=Scale(max=1),
)
async def lift_suppression(request: LiftSuppression, suppressions: Suppressions, clock: Clock) -> Done[None]:
    found = await suppressions.find(request.address)
    if found is None:
        raise AddressNotSuppressed
    address, at = found.address, found.lifting_time(clock.now())
    await suppressions.lift(address, at)
    change = Change({"address": address, "reason": found.reason}, {"address": address, "reason": None}, is_personal=True)
    return Done(None, AddressUnsuppressed(address=address, at=at), change=change)
