"""Tell a user that the second factor was turned on."""

from events.auth import SecondFactorEnabled
from functions.auth.domain.email_limits import EmailKind
from functions.auth.services.notices import Notices
from functions.kernel import Scale, Work, effect


@effect(scale=Scale(max=1, concurrency=1, pool=1))
async def on_second_factor_enabled(event: SecondFactorEnabled, notices: Notices, work: Work) -> None:
    await notices.send(EmailKind.SECOND_FACTOR_ENABLED, event.user_id, event.at, work)
