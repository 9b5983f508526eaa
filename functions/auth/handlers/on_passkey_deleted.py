"""Tell a user that a passkey was deleted."""

from events.sign_in import PasskeyDeleted
from functions.auth.domain.email_limits import EmailKind
from functions.auth.services.notices import Notices
from functions.kernel import Scale, Work, effect


@effect(scale=Scale(max=1, concurrency=1, pool=1))
async def on_passkey_deleted(event: PasskeyDeleted, notices: Notices, work: Work) -> None:
    await notices.send(EmailKind.PASSKEY_DELETED, event.user_id, event.at, work, f'Its name was "{event.name}".')
