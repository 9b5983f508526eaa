"""Tell a user that the recovery codes were replaced."""

from events.auth import RecoveryCodesReplaced
from functions.auth.domain.email_limits import EmailKind
from functions.auth.services.notices import Notices
from functions.kernel import Scale, Work, effect


@effect(scale=Scale(max=1, concurrency=1, pool=1))
async def on_recovery_codes_replaced(event: RecoveryCodesReplaced, notices: Notices, work: Work) -> None:
    await notices.send(EmailKind.RECOVERY_CODES_REPLACED, event.user_id, event.at, work)
