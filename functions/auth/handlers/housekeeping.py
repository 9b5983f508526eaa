"""Clean up the auth database and resume stuck registrations.

Deletes used and expired tokens, ended sessions and old failures, runs the runtime's clean-up, and sends reminders again
that were lost.
"""

from functions.auth.domain.registration import RegistrationTimedOut
from functions.auth.ports import Housekeeping, LoginFailures, Registrations, SentEmails, Sessions, VerificationTokens
from functions.kernel import Clock, Work, every
from functions.kernel.sagas import STUCK_AFTER

BATCH_SIZE = 500


@every("*/10 * * * *", emits=[RegistrationTimedOut])
async def housekeeping(
    housekeeping: Housekeeping,
    sessions: Sessions,
    verifications: VerificationTokens,
    failures: LoginFailures,
    sent_emails: SentEmails,
    registrations: Registrations,
    clock: Clock,
    work: Work,
) -> None:
    now = clock.now()
    await housekeeping.sweep()
    async with work.recording() as record:
        await sessions.prune(now)
        await verifications.prune(now)
        await failures.prune(now)
        await sent_emails.prune(now)
        for registration in await registrations.list_stuck(now - STUCK_AFTER, BATCH_SIZE):
            record.emit(registration.resend_reminder())
