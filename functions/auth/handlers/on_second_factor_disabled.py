"""Tell a user that the second factor was turned off."""

from events.auth import SecondFactorDisabled
from functions.auth.domain.email_limits import EmailKind
from functions.auth.services.notices import Notices
from functions.kernel import Scale, Work, effect


@effect(scale=Scale(max=1, concurrency=1, pool=1))
async def on_second_factor_disabled(event: SecondFactorDisabled, notices: Notices, work: Work) -> None:
    kind = EmailKind.SECOND_FACTOR_REMOVED if event.by_administrator else EmailKind.SECOND_FACTOR_DISABLED
    await notices.send(kind, event.user_id, event.at, work)
