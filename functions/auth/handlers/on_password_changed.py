"""Send a notice that the password was changed.

It names the number of passkeys and identities that still sign in.
"""

from events.auth import PasswordChanged
from functions.auth.domain.email_limits import EmailKind, derive_intent
from functions.auth.ports import Identities, Mailer, Passkeys
from functions.kernel import Work, effect


@effect()
async def on_password_changed(event: PasswordChanged, passkeys: Passkeys, identities: Identities, mailer: Mailer, work: Work) -> None:
    async with work.reading():
        counts = len(await passkeys.list_for_user(event.user_id)), len(await identities.list_for_user(event.user_id))
    intent = derive_intent(EmailKind.PASSWORD_CHANGED, event.email, event.at)
    await mailer.send_password_changed(intent, event.email, event.at, *counts)

    async with work.recording():
        pass  # claims the message, so that a redelivery sends no second e-mail
