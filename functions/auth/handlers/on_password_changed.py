"""Send a notice that the password was changed."""

from events.auth import PasswordChanged
from functions.auth.domain.email_limits import EmailKind, derive_intent
from functions.auth.ports import Mailer
from functions.kernel import Work, effect


@effect()
async def on_password_changed(event: PasswordChanged, mailer: Mailer, work: Work) -> None:
    await mailer.send_password_changed(derive_intent(EmailKind.PASSWORD_CHANGED, event.email, event.at), event.email, event.at)

    async with work.recording():
        pass  # claims the message, so that a redelivery sends no second e-mail
