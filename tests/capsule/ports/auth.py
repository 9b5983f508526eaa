"""Which adapter stands behind each port of auth."""

from collections.abc import Callable, Mapping
from typing import Any

from functions.auth import ports as auth
from functions.runtime.reliability.revoked_sessions import RevokedSessions
from tests.memory import auth as memory_auth
from tests.memory import (
    auth_accounts,
    auth_audit,
    auth_passkeys,
    auth_sign_in,
    auth_teams,
    auth_tokens,
)
from tests.memory import deploy as memory_deploy
from tests.memory.runtime import MemoryHousekeeping, MemoryRevokedSessions


def sessions(revoked: RevokedSessions) -> memory_auth.MemorySessions:
    assert isinstance(revoked, MemoryRevokedSessions)
    return memory_auth.MemorySessions(revoked)


def api_tokens(revoked: RevokedSessions) -> auth_tokens.MemoryApiTokens:
    assert isinstance(revoked, MemoryRevokedSessions)
    return auth_tokens.MemoryApiTokens(revoked)


def revoked_sessions(revoked: RevokedSessions) -> MemoryRevokedSessions:
    assert isinstance(revoked, MemoryRevokedSessions)
    return revoked


PORTS: Mapping[Any, Callable[..., Any]] = {
    auth.Administrators: memory_auth.MemoryAdministrators,
    auth.AccessTokenIssuer: memory_auth.PlainAccessTokens,
    auth.ApiTokens: api_tokens,
    auth.AuditLog: auth_audit.MemoryAuditLog,
    auth.KnownDevices: auth_accounts.MemoryKnownDevices,
    auth.LoginChallenges: auth_tokens.PlainLoginChallenges,
    auth.SecondFactors: auth_tokens.MemorySecondFactors,
    auth.DeviceAuthorizations: auth_sign_in.MemoryDeviceAuthorizations,
    auth.Identities: auth_sign_in.MemoryIdentities,
    auth.ProviderLogins: auth_sign_in.MemoryProviderLogins,
    auth.PasskeyChallenges: auth_passkeys.MemoryPasskeyChallenges,
    auth.Passkeys: auth_passkeys.MemoryPasskeys,
    auth.Vault: memory_deploy.PlainVault,
    auth.Hasher: memory_auth.PlainHasher,
    auth.Housekeeping: MemoryHousekeeping,
    auth.LoginFailures: memory_auth.MemoryLoginFailures,
    auth.EmailTokens: memory_auth.PlainEmailTokens,
    auth.EmailChanges: auth_accounts.MemoryEmailChanges,
    auth.Mailer: auth_accounts.MemoryMailer,
    auth.Registrations: memory_auth.MemoryRegistrations,
    auth.SentEmails: memory_auth.MemorySentEmails,
    auth.RevokedSessions: revoked_sessions,
    auth.Sessions: sessions,
    auth.Invitations: auth_teams.MemoryInvitations,
    auth.ServiceAccounts: auth_teams.MemoryServiceAccounts,
    auth.Teams: auth_teams.MemoryTeams,
    auth.Users: memory_auth.MemoryUsers,
    auth.VerificationTokens: memory_auth.MemoryVerificationTokens,
}

EXTERNAL: frozenset[Any] = frozenset({auth.Mailer, auth.ProviderClient})
