"""Ports of the auth context. Each has one contract suite in `tests/adapters`, run on memory and on the real adapter."""

from typing import Protocol

from functions.auth.ports.accounts import Administrators, DeletionPolicy, EmailChanges, EmailTaken, Registrations, Users, VerificationTokens
from functions.auth.ports.audit import AuditLog, AuditRetention
from functions.auth.ports.emails import EmailTokens, Mailer, SentEmails
from functions.auth.ports.mail_delivery import Mailbox, Notifications, Suppressions
from functions.auth.ports.passkeys import PasskeyCeremonies, PasskeyChallenges, Passkeys
from functions.auth.ports.sessions import (
    AccessToken,
    AccessTokenIssuer,
    ApiTokens,
    Hasher,
    KnownDevices,
    LoginChallenges,
    LoginFailures,
    PublicKeys,
    RevokedSessions,
    SecondFactors,
    Sessions,
    Vault,
)
from functions.auth.ports.sign_in import DashboardPages, DeviceAuthorizations, Identities, IdentityProviders, ProviderClient, ProviderLogins
from functions.auth.ports.teams import Invitations, ServiceAccounts, Teams

__all__ = [
    "AccessToken",
    "AccessTokenIssuer",
    "Administrators",
    "ApiTokens",
    "AuditLog",
    "AuditRetention",
    "DashboardPages",
    "DeletionPolicy",
    "DeviceAuthorizations",
    "EmailChanges",
    "EmailTaken",
    "EmailTokens",
    "Hasher",
    "Housekeeping",
    "Identities",
    "IdentityProviders",
    "Invitations",
    "KnownDevices",
    "LoginChallenges",
    "LoginFailures",
    "Mailbox",
    "Mailer",
    "Notifications",
    "PasskeyCeremonies",
    "PasskeyChallenges",
    "Passkeys",
    "ProviderClient",
    "ProviderLogins",
    "PublicKeys",
    "Registrations",
    "RevokedSessions",
    "SecondFactors",
    "SentEmails",
    "ServiceAccounts",
    "Sessions",
    "Suppressions",
    "Teams",
    "Users",
    "Vault",
    "VerificationTokens",
]


class Housekeeping(Protocol):
    """The runtime's own clean-up of this context's database: unsent events, old inbox rows, old replies."""

    async def sweep(self) -> None: ...
