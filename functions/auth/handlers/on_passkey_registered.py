"""Tell a user that a passkey was added."""

from events.sign_in import PasskeyRegistered
from functions.auth.domain.email_limits import EmailKind
from functions.auth.services.notices import Notices
from functions.kernel import Scale, Work, effect


@effect(scale=Scale(max=1, concurrency=1, pool=1))
async def on_passkey_registered(event: PasskeyRegistered, notices: Notices, work: Work) -> None:
    await notices.send(EmailKind.PASSKEY_REGISTERED, event.user_id, event.at, work, f'Its name is "{event.name}".')
