"""Tell a user that a recovery code was used."""

from events.auth import RecoveryCodeUsed
from functions.auth.domain.email_limits import EmailKind
from functions.auth.services.notices import Notices
from functions.kernel import Scale, Work, effect


@effect(scale=Scale(max=1, concurrency=1, pool=1))
async def on_recovery_code_used(event: RecoveryCodeUsed, notices: Notices, work: Work) -> None:
    left = f"{event.left} recovery codes are left." if event.left != 1 else "One recovery code is left."
    await notices.send(EmailKind.RECOVERY_CODE_USED, event.user_id, event.at, work, left)
