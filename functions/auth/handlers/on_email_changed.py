"""Send a notice of a changed e-mail address to both addresses."""

from events.auth import EmailChanged
from functions.auth.domain.email_limits import EmailKind, derive_intent
from functions.auth.ports import Mailer
from functions.kernel import Work, effect


@effect()
async def on_email_changed(event: EmailChanged, mailer: Mailer, work: Work) -> None:
    for address in (event.former_email, event.email):
        await mailer.send_email_changed(derive_intent(EmailKind.EMAIL_CHANGED, address, event.at), address, event.email, event.at)

    async with work.recording():
        pass  # claims the message, so that a redelivery sends no second e-mail
