"""Events of the auth context: users, registrations, e-mail addresses, sessions and teams."""

from datetime import datetime
from uuid import UUID

from functions.kernel import Event, Part


class UserCreated(Event, type="user.created", subject="user_id"):
    """A user registered.

    Starts the registration saga: auth sends the verification e-mail, billing creates a customer.
    """

    user_id: UUID
    email: str
    at: datetime


class AdministratorGranted(Event, type="administrator.granted"):
    """A user became an administrator.

    The operator's setting names the address. Access tokens that are issued from now on have the role.
    """

    user_id: UUID
    email: str
    at: datetime


class CustomerRequested(Event, type="customer.requested"):
    """A registration asks again for the customer of its user.

    Published when `customer.created` has not arrived in time, and answered by it. `at`: when the user was created.
    """

    user_id: UUID
    email: str
    at: datetime


class QuotaRequested(Event, type="quota.requested"):
    """A registration asks for the quota of a new user.

    Answered by `quota.granted`, also when the quota exists already.
    """

    user_id: UUID
    at: datetime


class PaymentAccountRequested(Event, type="payment-account.requested"):
    """A registration asks for an account at the payment provider.

    Answered by `payment-account.changed`, also when the account exists already.
    """

    user_id: UUID
    at: datetime


class PaymentAccountClosureRequested(Event, type="payment-account.closure-requested"):
    """A registration gives up the account at the payment provider.

    Its compensation: the customer stays on the free plan. Answered by `payment-account.changed`. `reason`: for people.
    """

    user_id: UUID
    reason: str
    at: datetime


class RegistrationCompleted(Event, type="registration.completed", subject="user_id"):
    """A registration is complete: customer, quota and payment account exist."""

    user_id: UUID
    at: datetime


class RegistrationFailed(Event, type="registration.failed", subject="user_id"):
    """A registration failed and was compensated.

    The user can sign in and use the free plan. `step`: the step that was given up. `reason`: `timed-out` or `refused`.
    `detail`: for people. `limited`: whether the customer cannot subscribe to paid plans.
    """

    user_id: UUID
    step: str
    reason: str
    detail: str
    limited: bool
    at: datetime


class RegistrationRepeated(Event, type="registration.repeated"):
    """Someone registered with the address of an existing account.

    The owner of the address gets an e-mail. The response does not differ from that of a new registration.
    """

    email: str
    at: datetime


class EmailVerificationRequested(Event, type="email-verification.requested"):
    """Another verification e-mail was requested.

    The handler looks up whether the address has an account, so that the response does not reveal it.
    """

    email: str
    at: datetime


class EmailVerified(Event, type="email.verified", subject="user_id"):
    """A user verified their e-mail address."""

    user_id: UUID
    email: str
    at: datetime


class PasswordResetRequested(Event, type="password-reset.requested"):
    """A link to reset a password was requested.

    The handler looks up whether the address has an account, so that the response does not reveal it.
    """

    email: str
    at: datetime


class PasswordChanged(Event, type="password.changed", subject="user_id"):
    """A user set a new password.

    `email`: gets a notice.
    """

    user_id: UUID
    email: str
    at: datetime


class EmailChangeRequested(Event, type="email-change.requested"):
    """A user requested another e-mail address for the account.

    Both addresses get a link; the change waits for both.
    """

    user_id: UUID
    change_id: UUID
    at: datetime


class EmailChanged(Event, type="email.changed", subject="user_id"):
    """The e-mail address of an account changed, confirmed at both addresses."""

    user_id: UUID
    former_email: str
    email: str
    at: datetime


class AccountDeletionRequested(Event, type="account-deletion.requested"):
    """A user requested the deletion of the account.

    It takes place at `deletes_at`, unless the user restores the account.
    """

    user_id: UUID
    email: str
    deletes_at: datetime
    at: datetime


class AccountRestored(Event, type="account.restored"):
    """A user kept an account that was to be deleted."""

    user_id: UUID
    email: str
    at: datetime


class UserDeleted(Event, type="user.deleted", subject="user_id"):
    """An account was deleted: every context deletes what it holds of it.

    Published at the end of the grace period, and with `user.expired`. Its address may be registered again.
    """

    user_id: UUID
    at: datetime


class UserExpired(Event, type="user.expired", subject="user_id"):
    """An account that nobody verified has expired.

    `user.deleted` is published with it: contexts that hold data of the user follow that event.
    """

    user_id: UUID
    at: datetime


class UserLoggedIn(Event, type="user.logged-in"):
    """A user signed in and a session started."""

    user_id: UUID
    session_id: UUID
    at: datetime


class SessionEnded(Event, type="session.ended", subject="session_id"):
    """A session was ended before its expiry.

    Its access tokens are refused from now on: every context and the gateway keep a list of these sessions.
    `reason`: `logged-out`, `refresh-token-reused`, `password-changed`, `email-changed`, `account-deleted`, `revoked`,
    `second-factor-enabled` or `token-revoked`.
    """

    session_id: UUID
    user_id: UUID
    reason: str
    at: datetime


class ApiTokenCreated(Event, type="api-token.created"):
    """A user created an API token.

    `scopes`: what it may do.
    """

    token_id: UUID
    user_id: UUID
    name: str
    scopes: tuple[str, ...]
    expires_at: datetime
    at: datetime


class ApiTokenRevoked(Event, type="api-token.revoked"):
    """A user revoked an API token.

    `session.ended` with the token's id as its session is published with it, and has its access tokens refused.
    """

    token_id: UUID
    user_id: UUID
    name: str
    at: datetime


class SecondFactorEnabled(Event, type="second-factor.enabled"):
    """A user turned the second factor on.

    Signing in asks for a code from now on; all other sessions have ended.
    """

    user_id: UUID
    at: datetime


class SecondFactorDisabled(Event, type="second-factor.disabled"):
    """A user turned the second factor off."""

    user_id: UUID
    at: datetime


class RecoveryCodesReplaced(Event, type="recovery-codes.replaced"):
    """A user replaced the recovery codes of the second factor."""

    user_id: UUID
    at: datetime


class RecoveryCodeUsed(Event, type="recovery-code.used"):
    """A user used a recovery code in place of a code of the second factor.

    `left`: unused recovery codes.
    """

    user_id: UUID
    left: int
    at: datetime


class TeamChanged(Event, type="team.changed", subject="team_id"):
    """A team was created, or its name or contact address changed.

    Billing creates its customer, deploy grants its quota. `email`: for bills and alerts. A personal team has no such event:
    its id is that of its user.
    """

    team_id: UUID
    name: str
    email: str
    at: datetime


class TeamDeleted(Event, type="team.deleted", subject="team_id"):
    """A team without applications was deleted."""

    team_id: UUID
    at: datetime


class ApplicationGrant(Part):
    """What a member may do beyond the role, in an application or, with `environment`, in one of its environments."""

    application_id: UUID
    environment: str | None = None


class TeamMembershipChanged(Event, type="team-membership.changed", subject="membership_id"):
    """A membership in a team began, changed or ended.

    The whole state, so that the newest event of a membership counts. `role`: null when the membership has ended; a user who
    joins again has another membership.
    """

    membership_id: UUID
    team_id: UUID
    user_id: UUID
    role: str | None
    grants: tuple[ApplicationGrant, ...] = ()
    at: datetime


class TeamInvitationCreated(Event, type="team-invitation.created"):
    """A user was invited to a team by e-mail."""

    invitation_id: UUID
    team_id: UUID
    invited_by: UUID
    role: str
    at: datetime


class TeamInvitationRevoked(Event, type="team-invitation.revoked"):
    """An invitation to a team was revoked before it was accepted."""

    invitation_id: UUID
    team_id: UUID
    at: datetime
