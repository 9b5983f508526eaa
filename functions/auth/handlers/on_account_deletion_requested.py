"""Send a notice that the account will be deleted."""

from events.auth import AccountDeletionRequested
from functions.auth.domain.email_limits import EmailKind, derive_intent
from functions.auth.ports import Mailer
from functions.kernel import Work, effect


@effect()
async def on_account_deletion_requested(event: AccountDeletionRequested, mailer: Mailer, work: Work) -> None:
    await mailer.send_deletion_requested(derive_intent(EmailKind.DELETION_REQUESTED, event.email, event.at), event.email, event.deletes_at)

    async with work.recording():
        pass  # claims the message, so that a redelivery sends no second e-mail
