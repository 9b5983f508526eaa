"""What has had its time is forgotten: used and expired tokens, ended sessions, old failures; registrations whose reminder has not come are reminded
again, which resumes them or gives them up; and the runtime's own sweep."""

from functions.auth.domain.registration import RegistrationTimedOut
from functions.auth.ports import Housekeeping, LoginFailures, Registrations, SentMails, Sessions, VerificationTokens
from functions.kernel import Clock, Work, every
from functions.kernel.saga import STUCK

AT_ONCE = 500


@every("*/10 * * * *", emits=[RegistrationTimedOut])
async def housekeeping(
    housekeeping: Housekeeping,
    sessions: Sessions,
    verifications: VerificationTokens,
    failures: LoginFailures,
    sent_mails: SentMails,
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
        await sent_mails.prune(now)
        for registration in await registrations.stuck(now - STUCK, AT_ONCE):
            record.emit(registration.nudge())
