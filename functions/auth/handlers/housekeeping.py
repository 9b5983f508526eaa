"""Clean up the auth database and resume stuck registrations.

Deletes used and expired tokens, ended sessions, old failures and accounts that nobody verified, runs the runtime's clean-up,
and sends reminders again that were lost.
"""

from events.auth import UserExpired
from functions.auth.domain.registration import RegistrationTimedOut
from functions.auth.domain.user import UNVERIFIED_LIFETIME
from functions.auth.ports import ApiTokens, Housekeeping, LoginFailures, Registrations, SentEmails, Sessions, Users, VerificationTokens
from functions.kernel import Clock, Work, every
from functions.kernel.sagas import STUCK_AFTER

BATCH_SIZE = 500


@every("*/10 * * * *", emits=[RegistrationTimedOut, UserExpired])
async def housekeeping(
    housekeeping: Housekeeping,
    users: Users,
    sessions: Sessions,
    api_tokens: ApiTokens,
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
        await api_tokens.prune(now)
        await verifications.prune(now)
        await failures.prune(now)
        await sent_emails.prune(now)
        for user in await users.delete_unverified(now - UNVERIFIED_LIFETIME, BATCH_SIZE):
            record.emit(*user.expire(now))
        for registration in await registrations.list_stuck(now - STUCK_AFTER, BATCH_SIZE):
            record.emit(registration.resend_reminder())
