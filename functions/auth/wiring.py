"""Adapters of the auth context's ports."""

from functions.auth import ports
from functions.auth.adapters import variables
from functions.auth.adapters.administrators import SettingsAdministrators
from functions.auth.adapters.argon2 import Argon2Hasher
from functions.auth.adapters.dashboard_pages import ConfiguredDashboardPages
from functions.auth.adapters.emails import EmailMailer
from functions.auth.adapters.identity_providers import ConfiguredIdentityProviders
from functions.auth.adapters.keys import DerivedEmailTokens, JwtIssuer, MountedPublicKeys, SignedLoginChallenges, SigningKeys
from functions.auth.adapters.maildir_mailbox import MaildirMailbox
from functions.auth.adapters.postgres_api_tokens import PostgresApiTokens
from functions.auth.adapters.postgres_audit_log import PostgresAuditLog
from functions.auth.adapters.postgres_device_authorizations import PostgresDeviceAuthorizations
from functions.auth.adapters.postgres_email_changes import PostgresEmailChanges
from functions.auth.adapters.postgres_identities import PostgresIdentities, PostgresProviderLogins
from functions.auth.adapters.postgres_invitations import PostgresInvitations
from functions.auth.adapters.postgres_known_devices import PostgresKnownDevices
from functions.auth.adapters.postgres_passkeys import PostgresPasskeyChallenges, PostgresPasskeys
from functions.auth.adapters.postgres_registrations import PostgresRegistrations
from functions.auth.adapters.postgres_second_factors import PostgresSecondFactors
from functions.auth.adapters.postgres_service_accounts import PostgresServiceAccounts
from functions.auth.adapters.postgres_sessions import PostgresSessions
from functions.auth.adapters.postgres_teams import PostgresTeams
from functions.auth.adapters.postgres_tokens import PostgresLoginFailures, PostgresSentEmails, PostgresVerificationTokens
from functions.auth.adapters.postgres_users import PostgresUsers
from functions.auth.adapters.session_limits import session_limits
from functions.auth.adapters.settings import ConfiguredAuditRetention, ConfiguredDeletion
from functions.auth.adapters.vault import vault
from functions.auth.domain.session import SessionLimits
from functions.auth.services.access_control import AccessControl
from functions.auth.services.code_check import CodeCheck
from functions.auth.services.device_codes import DeviceCodes
from functions.auth.services.grants import Grants
from functions.auth.services.notices import Notices
from functions.auth.services.operation_reader import OperationReader
from functions.auth.services.password_check import PasswordCheck
from functions.auth.services.provider_logins import ProviderLoginStart
from functions.auth.services.service_account_tokens import ServiceAccountTokens
from functions.auth.services.session_tokens import SessionTokens
from functions.auth.services.team_affiliations import TeamAffiliations
from functions.kernel import Clock
from functions.runtime.config.settings import Settings
from functions.runtime.config.wiring import SealedColumn, Wiring
from functions.runtime.email.guarded import GuardedTransport
from functions.runtime.email.transport import EmailTransport, email_transport
from functions.runtime.reliability.email_suppressions import EmailSuppressions
from functions.runtime.reliability.housekeeping import Housekeeping
from functions.runtime.reliability.revoked_sessions import RevokedSessions


def housekeeping(housekeeping: Housekeeping) -> ports.Housekeeping:
    return housekeeping


def revoked_sessions(revoked_sessions: RevokedSessions) -> ports.RevokedSessions:
    return revoked_sessions


def suppressions(suppressions: EmailSuppressions) -> ports.Suppressions:
    return suppressions


def passkey_ceremonies(settings: Settings) -> ports.PasskeyCeremonies:
    from functions.auth.adapters.webauthn_ceremonies import WebAuthnCeremonies  # 53 modules that only passkeys need

    return WebAuthnCeremonies(settings)


def provider_client(settings: Settings) -> ports.ProviderClient:
    from functions.auth.adapters.provider_client import HttpProviderClient  # with authlib and httpx 230 modules

    return HttpProviderClient(settings)


def sns_notifications(settings: Settings) -> ports.Notifications:
    from functions.auth.adapters.sns import SnsNotifications  # httpx is large: only who calls out waits for it

    return SnsNotifications(settings)


def guarded_transport(settings: Settings, clock: Clock, suppressions: EmailSuppressions) -> EmailTransport:
    return GuardedTransport(email_transport(settings, clock, has_secrets=True), suppressions)


wiring = Wiring(
    database="auth",
    settings=variables.SECTIONS,
    sealed=(
        SealedColumn("second_factors", ("user_id",), "sealed_secret"),
        SealedColumn("provider_logins", ("id",), "sealed_code"),
    ),
    ports={
        ports.Administrators: SettingsAdministrators,
        ports.Users: PostgresUsers,
        ports.Registrations: PostgresRegistrations,
        ports.Sessions: PostgresSessions,
        ports.RevokedSessions: revoked_sessions,
        ports.ApiTokens: PostgresApiTokens,
        ports.AuditLog: PostgresAuditLog,
        ports.AuditRetention: ConfiguredAuditRetention,
        ports.SecondFactors: PostgresSecondFactors,
        ports.KnownDevices: PostgresKnownDevices,
        ports.LoginChallenges: SignedLoginChallenges,
        ports.DashboardPages: ConfiguredDashboardPages,
        ports.Identities: PostgresIdentities,
        ports.IdentityProviders: ConfiguredIdentityProviders,
        ports.PasskeyCeremonies: passkey_ceremonies,
        ports.PasskeyChallenges: PostgresPasskeyChallenges,
        ports.Passkeys: PostgresPasskeys,
        ports.ProviderClient: provider_client,
        ports.ProviderLogins: PostgresProviderLogins,
        ports.DeviceAuthorizations: PostgresDeviceAuthorizations,
        ports.Vault: vault,
        ports.VerificationTokens: PostgresVerificationTokens,
        ports.EmailChanges: PostgresEmailChanges,
        ports.DeletionPolicy: ConfiguredDeletion,
        ports.SentEmails: PostgresSentEmails,
        ports.LoginFailures: PostgresLoginFailures,
        ports.Hasher: Argon2Hasher,
        ports.AccessTokenIssuer: JwtIssuer,
        ports.EmailTokens: DerivedEmailTokens,
        ports.PublicKeys: MountedPublicKeys,
        ports.Mailer: EmailMailer,
        ports.Mailbox: MaildirMailbox,
        ports.Notifications: sns_notifications,
        ports.Suppressions: suppressions,
        ports.Housekeeping: housekeeping,
        ports.Teams: PostgresTeams,
        ports.ServiceAccounts: PostgresServiceAccounts,
        ports.Invitations: PostgresInvitations,
        AccessControl: AccessControl,
        Grants: Grants,
        ServiceAccountTokens: ServiceAccountTokens,
        TeamAffiliations: TeamAffiliations,
        SessionLimits: session_limits,
        SessionTokens: SessionTokens,
        CodeCheck: CodeCheck,
        DeviceCodes: DeviceCodes,
        ProviderLoginStart: ProviderLoginStart,
        PasswordCheck: PasswordCheck,
        Notices: Notices,
        OperationReader: OperationReader,
        SigningKeys: SigningKeys,
        EmailTransport: guarded_transport,
    },
)
