"""What has had its time is forgotten: used and expired tokens, ended sessions, old failures; and the runtime's own sweep."""

from functions.auth.ports import Housekeeping, LoginFailures, SentMails, Sessions, VerificationTokens
from functions.kernel import Clock, Work, every


@every("*/10 * * * *")
async def every_ten_minutes_housekeeping(
    housekeeping: Housekeeping,
    sessions: Sessions,
    verifications: VerificationTokens,
    failures: LoginFailures,
    sent_mails: SentMails,
    clock: Clock,
    work: Work,
) -> None:
    now = clock.now()
    await housekeeping.sweep()
    async with work.recording():
        await sessions.prune(now)
        await verifications.prune(now)
        await failures.prune(now)
        await sent_mails.prune(now)
