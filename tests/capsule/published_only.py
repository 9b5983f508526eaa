"""Events that no function handles."""

from events.auth import AdministratorGranted, ApiTokenRevoked, RegistrationCompleted, UserExpired, UserSuspended, UserUnsuspended
from events.backups import BackupFailed, BackupRestored, BackupVerified
from events.billing import PaymentProcessed
from events.data_services import (
    DataServiceBound,
    DataServiceCreated,
    DataServiceCredentialsRotated,
    DataServiceDeleted,
    DataServiceRestored,
    DataServiceStorageExceeded,
    DataServiceUnbound,
)
from events.deploy import EnvironmentProtectionChanged
from events.deployments import BuildFailed, BuildSucceeded
from events.sign_in import DeviceAuthorizationDecided, IdentityLinked, IdentityUnlinked, PasskeyDeleted, PasskeyRegistered, PasskeyRenamed
from events.teams import ServiceAccountCreated, ServiceAccountDeleted, TeamInvitationRevoked
from functions.kernel import Event

PUBLISHED_ONLY: frozenset[type[Event]] = frozenset(
    {
        ApiTokenRevoked,
        BackupFailed,
        BackupRestored,
        BackupVerified,
        BuildFailed,
        BuildSucceeded,
        DataServiceBound,
        DataServiceCreated,
        DataServiceCredentialsRotated,
        DataServiceDeleted,
        DataServiceRestored,
        DataServiceStorageExceeded,
        DataServiceUnbound,
        EnvironmentProtectionChanged,
        DeviceAuthorizationDecided,
        IdentityLinked,
        IdentityUnlinked,
        PasskeyDeleted,
        PasskeyRegistered,
        PasskeyRenamed,
        PaymentProcessed,
        ServiceAccountCreated,
        ServiceAccountDeleted,
        TeamInvitationRevoked,
        RegistrationCompleted,
        AdministratorGranted,
        UserExpired,
        UserSuspended,
        UserUnsuspended,
    }
)
"""Events that no function handles: they are published for the timeline and for other programs."""
