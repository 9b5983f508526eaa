"""Send a notice that the account was restored."""

from events.auth import AccountRestored
from functions.auth.domain.email_limits import EmailKind, derive_intent
from functions.auth.ports import Mailer
from functions.kernel import Work, effect


@effect()
async def on_account_restored(event: AccountRestored, mailer: Mailer, work: Work) -> None:
    await mailer.send_account_restored(derive_intent(EmailKind.ACCOUNT_RESTORED, event.email, event.at), event.email, event.at)

    async with work.recording():
        pass  # claims the message, so that a redelivery sends no second e-mail
