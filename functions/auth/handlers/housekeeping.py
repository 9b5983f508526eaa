"""Clean up the auth database and resume stuck registrations.

Deletes used and expired tokens, ended sessions, old failures, accounts that nobody verified, and accounts at the end of
their grace period, and entries of the audit log beyond their retention. Runs the runtime's clean-up, and sends reminders again that were lost.
"""

from datetime import timedelta

from events.auth import ApiTokenRevoked, SessionEnded, UserDeleted, UserExpired
from events.teams import ServiceAccountDeleted, TeamChanged, TeamDeleted, TeamMembershipChanged
from functions.auth.domain.email import Email
from functions.auth.domain.registration import RegistrationTimedOut
from functions.auth.domain.session import EndReason
from functions.auth.domain.user import UNVERIFIED_LIFETIME
from functions.auth.ports import (
    ApiTokens,
    AuditLog,
    AuditRetention,
    DeviceAuthorizations,
    EmailChanges,
    Housekeeping,
    Invitations,
    LoginFailures,
    PasskeyChallenges,
    ProviderLogins,
    Registrations,
    SentEmails,
    Sessions,
    Users,
    VerificationTokens,
)
from functions.auth.services.team_affiliations import TeamAffiliations
from functions.kernel import Clock, Work, every
from functions.kernel.sagas import STUCK_AFTER

BATCH_SIZE = 500
REMOVED_ENTRIES = 5_000
CLOCK_MARGIN = timedelta(hours=1)
"""The database refuses to remove entries of the last 30 days by its own clock."""
"""Entries of the audit log that one transaction removes."""


@every(
    "*/10 * * * *",
    emits=[
        *(ApiTokenRevoked, RegistrationTimedOut, ServiceAccountDeleted, SessionEnded, TeamChanged),
        *(TeamDeleted, TeamMembershipChanged, UserDeleted, UserExpired),
    ],
)
async def housekeeping(
    housekeeping: Housekeeping,
    users: Users,
    sessions: Sessions,
    api_tokens: ApiTokens,
    verifications: VerificationTokens,
    email_changes: EmailChanges,
    device_authorizations: DeviceAuthorizations,
    provider_logins: ProviderLogins,
    passkey_challenges: PasskeyChallenges,
    failures: LoginFailures,
    sent_emails: SentEmails,
    registrations: Registrations,
    invitations: Invitations,
    affiliations: TeamAffiliations,
    audit_log: AuditLog,
    retention: AuditRetention,
    clock: Clock,
    work: Work,
) -> None:
    now = clock.now()
    await housekeeping.sweep()
    if retention.age is not None:
        removed = REMOVED_ENTRIES
        while removed == REMOVED_ENTRIES:
            async with work.preparing():  # done again, it changes nothing
                removed = await audit_log.remove(now - retention.age - CLOCK_MARGIN, REMOVED_ENTRIES, now)
    async with work.recording() as record:
        await sessions.prune(now)
        await api_tokens.prune(now)
        await verifications.prune(now)
        await email_changes.prune(now)
        await device_authorizations.prune(now)
        await provider_logins.prune(now)
        await passkey_challenges.prune(now)
        await failures.prune(now)
        await sent_emails.prune(now)
        await invitations.prune(now)
        for user in await users.delete_unverified(now - UNVERIFIED_LIFETIME, BATCH_SIZE):
            record.emit(*user.expire(now))
        for user in await users.list_due_deletions(now, BATCH_SIZE):
            record.emit(*await sessions.end_all(user.id, EndReason.ACCOUNT_DELETED, now))
            for token in await api_tokens.list_for_user(user.id):
                record.emit(*token.revoke(now, EndReason.ACCOUNT_DELETED))
                await api_tokens.save(token)
            failed_logins = await failures.lock(Email(user.email))
            failed_logins.clear()
            await failures.save(failed_logins)
            record.emit(*await affiliations.end_all(user.id, now))
            await users.delete(user.id)
            record.emit(*user.delete(now))
        for registration in await registrations.list_stuck(now - STUCK_AFTER, BATCH_SIZE):
            record.emit(registration.resend_reminder())
