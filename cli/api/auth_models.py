# GENERATED from the declarations by `python -m functions.describe`. Do not edit: change the declaration and run it again.
"""Requests and responses of auth."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

from cli.api.shared_models import OperationProblem, OperationState, OperationStepView


class AcceptInvitation(TypedDict):
    token: str


class AccountDeletionAccepted(TypedDict):
    operationId: str
    deletesAt: str
    message: NotRequired[str]


class AccountExport(TypedDict):
    profile: ProfileView
    registration: RegistrationView | None
    emailChange: EmailChangeView | None
    sessions: list[ExportedSessionView]
    apiTokens: list[ApiTokenView]
    teams: list[TeamPermissionsView]


class AccountOperationView(TypedDict):
    id: str
    kind: str
    state: OperationState
    summary: str
    steps: list[OperationStepView]
    resource: str | None
    problem: OperationProblem | None
    requestedAt: str
    finishedAt: str | None


class ActiveSessionPage(TypedDict):
    items: list[ActiveSessionView]
    next: NotRequired[str | None]


class ActiveSessionView(TypedDict):
    """A signed-in device. Its client has sent address and User-Agent at the last refresh; a client may send any User-Agent."""

    id: str
    isCurrent: bool
    program: str
    system: str
    userAgent: str
    address: str
    startedAt: str
    lastSeenAt: str
    expiresAt: str
    hasSecondFactor: bool


ActorKind: TypeAlias = "Literal['session', 'token', 'service-account', 'anonymous', 'system']"


class ApiTokenPage(TypedDict):
    items: list[ApiTokenView]
    next: NotRequired[str | None]


class ApiTokenView(TypedDict):
    id: str
    name: str
    scopes: list[Scope]
    createdAt: str
    expiresAt: str
    isExpired: bool
    lastUsedAt: str | None
    createdBy: str | None


class AuditChainView(TypedDict):
    """`head_sequence`, `head_hash`: the last entry of the log. Note them elsewhere, and compare them with a later export."""

    items: list[ChainedEntryView]
    removedThrough: int
    removedHash: str
    headSequence: int
    headHash: str


class AuditEntryPage(TypedDict):
    items: list[AuditEntryView]
    next: NotRequired[str | None]


class AuditEntryView(TypedDict):
    """`before`, `after`: what differs; never a secret. `address`, `user_agent`: null once the user's account is deleted."""

    sequence: int
    id: str
    at: str
    function: str
    actor: ActorKind
    userId: str | None
    sessionId: str | None
    target: str
    outcome: str
    reason: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    address: str | None
    userAgent: str | None
    correlationId: str


AuthRole: TypeAlias = "Literal['user', 'admin']"


class AuthorizationRequestView(TypedDict):
    """Parameters of the authorization request (RFC 6749, 4.1.1; RFC 7636, 4.3; OpenID Connect Core 1.0, 3.1.2.1), in camelCase. In the address of the provider they have their original names: `client_id`, `redirect_uri`, …"""

    token: str
    expiresIn: int
    clientId: str
    redirectUri: str
    scope: str
    state: str
    nonce: str
    codeChallenge: str
    codeChallengeMethod: NotRequired[str]
    responseType: NotRequired[str]


class AuthorizationResponseAccepted(TypedDict):
    message: NotRequired[str]


class BeginIdentityLink(TypedDict):
    provider: str


class BeginPasskeyLogin(TypedDict):
    challenge: NotRequired[str | None]


class BeginProviderLogin(TypedDict):
    provider: str


CallerKind: TypeAlias = "Literal['user', 'service-account']"


class CallerView(TypedDict):
    kind: CallerKind
    id: str
    name: str
    email: str | None
    teamId: str
    roles: list[str]
    scopes: list[Scope] | None


class ChainedEntryView(TypedDict):
    """`hash`: SHA-256 of the canonical JSON of `entry`. `personal`: null once it is erased with the user's account."""

    entry: dict[str, Any]
    hash: str
    personal: PersonalDataView | None


class ChangeMemberRoleBody(TypedDict):
    role: RoleInput


class ChangePassword(TypedDict):
    currentPassword: str
    password: str


class ConfirmEmailChange(TypedDict):
    token: str


class ConfirmIdentity(TypedDict):
    password: NotRequired[str | None]
    code: NotRequired[str | None]


class ConfirmedIdentityView(TypedDict):
    accessToken: str
    tokenType: NotRequired[str]
    expiresIn: int


class CreateServiceAccountBody(TypedDict):
    name: str
    role: NotRequired[RoleInput]


class CreateServiceAccountTokenBody(TypedDict):
    name: str
    scopes: list[Scope]
    expiresInDays: NotRequired[int]


class CreateTeam(TypedDict):
    name: str


class CreateToken(TypedDict):
    name: str
    scopes: list[Scope]
    expiresInDays: NotRequired[int]


class CreatedServiceAccountTokenView(TypedDict):
    id: str
    name: str
    scopes: list[Scope]
    createdAt: str
    expiresAt: str
    isExpired: bool
    lastUsedAt: str | None
    createdBy: str | None
    token: str


class CreatedServiceAccountView(TypedDict):
    id: str
    teamId: str
    name: str
    role: KernelRole
    grants: list[GrantView]
    createdBy: str
    createdAt: str
    disabledAt: str | None


class CreatedTeamView(TypedDict):
    id: str
    name: str
    email: str
    role: KernelRole
    isPersonal: bool
    createdAt: str


class CreatedTokenView(TypedDict):
    id: str
    name: str
    scopes: list[Scope]
    createdAt: str
    expiresAt: str
    isExpired: bool
    lastUsedAt: str | None
    createdBy: str | None
    token: str


class DecideDeviceAuthorization(TypedDict):
    userCode: str
    isApproved: bool


class DeleteAccount(TypedDict):
    password: str


class DeviceAuthorizationView(TypedDict):
    deviceCode: str
    userCode: str
    verificationUri: str
    verificationUriComplete: str
    expiresIn: int
    interval: int


class EllipticCurveKeyView(TypedDict):
    """An elliptic curve key (RFC 7518, 6.2.1), of a former version of Capsule."""

    kid: str
    use: str
    alg: str
    kty: Literal['EC']
    crv: str
    x: str
    y: str


class EmailChangeAccepted(TypedDict):
    """The pending change."""

    email: str
    requestedAt: str
    expiresAt: str
    unconfirmed: list[Side]
    operationId: str


class EmailChangeView(TypedDict):
    """`unconfirmed`: which of the addresses, `current` and `new`, have not confirmed the change. Empty: it took place."""

    email: str
    requestedAt: str
    expiresAt: str
    unconfirmed: list[Side]


class EmailDeliveryView(TypedDict):
    """`is_suppressed`: no e-mails are sent to the address of the account."""

    email: str
    isSuppressed: bool
    reason: SuppressionReason | None
    detail: str | None
    suppressedAt: str | None


class EmailSuppressionPage(TypedDict):
    items: list[EmailSuppressionView]
    next: NotRequired[str | None]


class EmailSuppressionView(TypedDict):
    """An address that gets no e-mails."""

    address: str
    reason: SuppressionReason
    detail: str
    suppressedAt: str


class EnableSecondFactor(TypedDict):
    code: str


class ExportedSessionView(TypedDict):
    id: str
    address: str
    userAgent: str
    startedAt: str
    lastSeenAt: str


class FindDeviceAuthorization(TypedDict):
    userCode: str


class FinishIdentityLink(TypedDict):
    token: str


class FinishProviderLogin(TypedDict):
    token: str


class GrantView(TypedDict):
    """Without `environment`: the application, and its environments that are not protected."""

    applicationId: str
    environment: NotRequired[str | None]


class IdentityPage(TypedDict):
    items: list[IdentityView]
    next: NotRequired[str | None]


class IdentityProviderMetadataView(TypedDict):
    name: str
    title: str
    authorizationEndpoint: str


class IdentityProviderPage(TypedDict):
    items: list[IdentityProviderView]
    next: NotRequired[str | None]


class IdentityProviderView(TypedDict):
    name: str
    title: str


class IdentityView(TypedDict):
    """An identity at a provider that signs in to the account."""

    id: str
    provider: str
    email: str
    linkedAt: str
    lastUsedAt: str | None


class InvitationAccepted(TypedDict):
    """The open invitation. The link is in the e-mail only."""

    id: str
    teamId: str
    email: str
    role: KernelRole
    createdAt: str
    expiresAt: str


class InvitationPage(TypedDict):
    items: list[InvitationView]
    next: NotRequired[str | None]


class InvitationView(TypedDict):
    id: str
    teamId: str
    email: str
    role: KernelRole
    createdAt: str
    expiresAt: str


class InviteMemberBody(TypedDict):
    email: str
    role: NotRequired[RoleInput]


KernelRole: TypeAlias = "Literal['owner', 'admin', 'developer', 'viewer', 'billing']"


class KeySetView(TypedDict):
    keys: list[RsaKeyView | EllipticCurveKeyView]


class Login(TypedDict):
    email: str
    password: str


class LoginSecondFactor(TypedDict):
    challenge: str
    code: str


class LoginWithPasskey(TypedDict):
    challengeId: str
    credential: str
    challenge: NotRequired[str | None]


class MailboxEmailDetailView(TypedDict):
    id: str
    to: str
    subject: str
    at: str
    text: str
    html: str
    attachments: list[str]


class MailboxEmailPage(TypedDict):
    items: list[MailboxEmailView]
    next: NotRequired[str | None]


class MailboxEmailView(TypedDict):
    id: str
    to: str
    subject: str
    at: str


class MembershipView(TypedDict):
    teamId: str
    userId: str
    role: KernelRole
    grants: list[GrantView]


class PasskeyLoginView(TypedDict):
    challengeId: str
    options: dict[str, Any]


class PasskeyPage(TypedDict):
    items: list[PasskeyView]
    next: NotRequired[str | None]


class PasskeyRegistrationView(TypedDict):
    challengeId: str
    options: dict[str, Any]


class PasskeyView(TypedDict):
    id: str
    name: str
    isSynced: bool
    createdAt: str
    lastUsedAt: str | None


class PasswordResetAccepted(TypedDict):
    message: NotRequired[str]


class PasswordResetView(TypedDict):
    email: str


Permission: TypeAlias = "Literal['app.read', 'app.create', 'app.configure', 'app.deploy', 'app.run', 'app.delete', 'service.connect', 'logs.read', 'alerts.read', 'alerts.write', 'billing.read', 'billing.write', 'webhooks.manage', 'team.read', 'team.manage', 'team.own']"


class PersonalDataView(TypedDict):
    """`salt`: hexadecimal. The digest in the entry is SHA-256 of the salt's bytes and the canonical JSON of `content`."""

    salt: str
    content: dict[str, Any]


class ProfileView(TypedDict):
    """`name`: to show; may be empty. `deletes_at`: when the account is deleted, unless its user restores it."""

    id: str
    email: str
    emailVerified: bool
    roles: list[AuthRole]
    createdAt: str
    updatedAt: str
    name: str
    deletesAt: str | None


class ReceiveAuthorizationResponse(TypedDict):
    provider: str
    token: str
    state: str
    code: NotRequired[str | None]
    iss: NotRequired[str | None]
    error: NotRequired[str]


class RecoveryCodesView(TypedDict):
    codes: list[str]


class RedeemDeviceCode(TypedDict):
    deviceCode: str


class Refresh(TypedDict):
    refreshToken: str


class Register(TypedDict):
    email: str
    password: NotRequired[str | None]


class RegisterPasskey(TypedDict):
    challengeId: str
    name: str
    credential: str


class RegistrationAccepted(TypedDict):
    message: NotRequired[str]


class RegistrationPage(TypedDict):
    items: list[RegistrationView]
    next: NotRequired[str | None]


class RegistrationResumeAccepted(TypedDict):
    """The registration, with its step requested again."""

    userId: str
    email: str
    status: str
    summary: str
    failedStep: str | None
    reason: str | None
    detail: str | None
    startedAt: str
    finishedAt: str | None
    nextReminderAt: str | None
    deadlineAt: str | None
    steps: list[RegistrationStepView]
    correlationId: str
    operationId: str


class RegistrationStepView(TypedDict):
    step: str
    startedAt: str
    finishedAt: str | None
    attempts: int
    error: str | None


class RegistrationView(TypedDict):
    userId: str
    email: str
    status: str
    summary: str
    failedStep: str | None
    reason: str | None
    detail: str | None
    startedAt: str
    finishedAt: str | None
    nextReminderAt: str | None
    deadlineAt: str | None
    steps: list[RegistrationStepView]
    correlationId: str


class RenamePasskeyBody(TypedDict):
    name: str


class RequestEmailChange(TypedDict):
    email: str
    password: str


class RequestPasswordReset(TypedDict):
    email: str


class RequestingDeviceView(TypedDict):
    """A device that asks to sign in. It chooses its User-Agent: program and system prove nothing."""

    userCode: str
    program: str
    system: str
    address: str
    requestedAt: str
    expiresAt: str


class ResendVerification(TypedDict):
    email: str


class ResetPassword(TypedDict):
    token: str
    password: str


class RevokedSessionsView(TypedDict):
    revoked: int


RoleInput: TypeAlias = "Literal['owner', 'admin', 'developer', 'viewer', 'billing']"


class RsaKeyView(TypedDict):
    """An RSA key (RFC 7518, 6.3.1)."""

    kid: str
    use: str
    alg: str
    kty: Literal['RSA']
    n: str
    e: str


Scope: TypeAlias = "Literal['read', 'deploy', 'monitor', 'billing', 'admin']"


class SecondFactorSecretView(TypedDict):
    secret: str
    uri: str


class SecondFactorView(TypedDict):
    isEnabled: bool
    enabledAt: str | None
    recoveryCodesLeft: int


class ServiceAccountPage(TypedDict):
    items: list[ServiceAccountView]
    next: NotRequired[str | None]


class ServiceAccountView(TypedDict):
    """`created_by`: the user. `disabled_at`: since when its API tokens are refused."""

    id: str
    teamId: str
    name: str
    role: KernelRole
    grants: list[GrantView]
    createdBy: str
    createdAt: str
    disabledAt: str | None


class SessionView(TypedDict):
    """Tokens of a signed-in session, with the names of RFC 6749, 5.1."""

    sessionId: str
    accessToken: str
    tokenType: NotRequired[str]
    expiresIn: int
    refreshToken: str
    deletesAt: NotRequired[str | None]


class SetMemberGrantsBody(TypedDict):
    grants: list[GrantView]


Side: TypeAlias = "Literal['current', 'new']"


Stage: TypeAlias = "Literal['user', 'customer', 'quota', 'payment-account', 'compensating', 'completed', 'compensated', 'failed']"


SuppressionReason: TypeAlias = "Literal['bounce', 'complaint']"


class SuspendUserBody(TypedDict):
    reason: str


class TeamMemberPage(TypedDict):
    items: list[TeamMemberView]
    next: NotRequired[str | None]


class TeamMemberView(TypedDict):
    teamId: str
    userId: str
    role: KernelRole
    grants: list[GrantView]
    email: str
    name: str
    joinedAt: str


class TeamPage(TypedDict):
    items: list[TeamView]
    next: NotRequired[str | None]


class TeamPermissionsPage(TypedDict):
    items: list[TeamPermissionsView]
    next: NotRequired[str | None]


class TeamPermissionsView(TypedDict):
    """What you may do in a team. `grants`: what you may do beyond the role."""

    teamId: str
    name: str
    role: KernelRole
    permissions: list[Permission]
    grants: list[GrantView]


class TeamView(TypedDict):
    """`role`: yours. `email`: for bills and alerts. `is_personal`: your own team, with the id of your user; its name is empty."""

    id: str
    name: str
    email: str
    role: KernelRole
    isPersonal: bool
    createdAt: str


class TransferTeamBody(TypedDict):
    userId: str


class UpdateProfile(TypedDict):
    name: str


class UpdateServiceAccountBody(TypedDict):
    role: NotRequired[RoleInput | None]
    grants: NotRequired[list[GrantView] | None]
    isDisabled: NotRequired[bool | None]


class UpdateTeamBody(TypedDict):
    name: str


class UserDetailView(TypedDict):
    id: str
    email: str
    emailVerified: bool
    name: str
    roles: list[AuthRole]
    createdAt: str
    deletesAt: str | None
    suspendedAt: str | None
    suspensionReason: str | None
    hasSecondFactor: bool
    sessions: int
    failedLogins: int
    lockedUntil: str | None


class UserPage(TypedDict):
    items: list[UserView]
    next: NotRequired[str | None]


class UserView(TypedDict):
    id: str
    email: str
    emailVerified: bool
    name: str
    roles: list[AuthRole]
    createdAt: str
    deletesAt: str | None
    suspendedAt: str | None
    suspensionReason: str | None


class VerificationEmailAccepted(TypedDict):
    message: NotRequired[str]


class VerifiedEmailView(TypedDict):
    email: str
    emailVerified: NotRequired[bool]


class VerifyEmail(TypedDict):
    token: str
    password: NotRequired[str]
