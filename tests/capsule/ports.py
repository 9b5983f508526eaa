"""Which adapter stands behind each port of the in-memory Capsule. A port that is missing here is built by its context's own `wiring.py`."""

from collections.abc import Callable, Mapping
from typing import Any

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
from functions.auth import ports as auth
from functions.billing import ports as billing
from functions.deploy import ports as deploy
from functions.kernel import Event
from functions.monitor import ports as monitor
from functions.runtime.reliability.revoked_sessions import RevokedSessions
from tests.memory import auth as memory_auth
from tests.memory import (
    auth_accounts,
    auth_audit,
    auth_passkeys,
    auth_sign_in,
    auth_teams,
    auth_tokens,
    billing_methods,
    billing_money,
    billing_provider,
    billing_reversals,
    deploy_backups,
    deploy_cluster,
    deploy_data_services,
    deploy_domains,
    deploy_inspections,
    deploy_operations,
    deploy_process_scalings,
    deploy_releases,
    deploy_runs,
    deploy_schedules,
    deploy_storage_meters,
    deploy_volumes,
    monitor_alerts,
    monitor_queues,
    monitor_webhooks,
)
from tests.memory import billing as memory_billing
from tests.memory import deploy as memory_deploy
from tests.memory import monitor as memory_monitor
from tests.memory import monitor_metrics as memory_metrics
from tests.memory.memberships import MemoryMemberships
from tests.memory.monitor_erasures import erasures
from tests.memory.runtime import MemoryHousekeeping, MemoryRevokedSessions

SETTINGS: Mapping[str, str] = {
    "CAPSULE_PUBLIC_URL": "http://capsule.localhost",
    "CAPSULE_STRIPE_API_KEY": "sk_test_none",
    "CAPSULE_TERMINAL_URL": "ws://terminal.localhost",
    "CAPSULE_ACME_DIRECTORY": "https://acme.invalid/directory",
    "CAPSULE_REPOSITORY_HOSTS": "samples.localhost",
    "CAPSULE_SERVICES_DEDICATED_ADDRESS": "127.0.0.1:7114",
    "CAPSULE_SERVICES_POSTGRES_ADDRESS": "127.0.0.1:5432",
    "CAPSULE_SERVICES_REDIS_ADDRESS": "127.0.0.1:6379",
}
"""Environment variables of every function."""


def service_mover(provisioners: deploy.ServiceProvisioners) -> deploy_data_services.MemoryServiceMover:
    assert isinstance(provisioners, deploy_data_services.MemoryServiceProvisioners)
    return deploy_data_services.MemoryServiceMover(provisioners)


def payments(invoices: billing.Invoices) -> billing_money.MemoryPayments:
    assert isinstance(invoices, billing_money.MemoryInvoices)
    return billing_money.MemoryPayments(invoices)


def applications(quotas: deploy.Quotas) -> memory_deploy.MemoryApplications:
    assert isinstance(quotas, memory_deploy.MemoryQuotas)
    return memory_deploy.MemoryApplications(quotas)


def schedules(applications: deploy.Applications) -> deploy_schedules.MemorySchedules:
    assert isinstance(applications, memory_deploy.MemoryApplications)
    return deploy_schedules.MemorySchedules(applications)


def domains(applications: deploy.Applications) -> deploy_domains.MemoryDomains:
    return deploy_domains.MemoryDomains(applications)


def data_services(applications: deploy.Applications) -> deploy_data_services.MemoryDataServices:
    return deploy_data_services.MemoryDataServices(applications)


def function_services(cluster: deploy.Cluster) -> deploy_cluster.MemoryFunctionServices:
    assert isinstance(cluster, deploy_cluster.MemoryCluster)
    return deploy_cluster.MemoryFunctionServices(cluster)


def runs(applications: deploy.Applications) -> deploy_runs.MemoryRuns:
    assert isinstance(applications, memory_deploy.MemoryApplications)
    return deploy_runs.MemoryRuns(applications)


def stored_rows(
    applications: deploy.Applications,
    services: deploy.DataServices,
    backups: deploy.ServiceBackups,
    volumes: deploy.Volumes,
    snapshots: deploy.VolumeSnapshots,
) -> deploy_storage_meters.StoredRows:
    assert isinstance(applications, memory_deploy.MemoryApplications) and isinstance(services, deploy_data_services.MemoryDataServices)
    assert isinstance(backups, deploy_backups.MemoryServiceBackups) and isinstance(volumes, deploy_volumes.MemoryVolumes)
    assert isinstance(snapshots, deploy_volumes.MemoryVolumeSnapshots)
    return deploy_storage_meters.StoredRows(applications, services, backups, volumes, snapshots)


def alerts(applications: monitor.Applications) -> monitor_alerts.MemoryAlerts:
    assert isinstance(applications, memory_monitor.MemoryApplications)
    return monitor_alerts.MemoryAlerts(applications)


def rules(applications: monitor.Applications) -> monitor_alerts.MemoryRules:
    assert isinstance(applications, memory_monitor.MemoryApplications)
    return monitor_alerts.MemoryRules(applications)


def webhooks(deliveries: monitor.WebhookDeliveries) -> monitor_webhooks.MemoryWebhookStore:
    assert isinstance(deliveries, monitor_webhooks.MemoryWebhookDeliveries)
    return monitor_webhooks.MemoryWebhookStore(deliveries)


def sessions(revoked: RevokedSessions) -> memory_auth.MemorySessions:
    assert isinstance(revoked, MemoryRevokedSessions)
    return memory_auth.MemorySessions(revoked)


def api_tokens(revoked: RevokedSessions) -> auth_tokens.MemoryApiTokens:
    assert isinstance(revoked, MemoryRevokedSessions)
    return auth_tokens.MemoryApiTokens(revoked)


def revoked_sessions(revoked: RevokedSessions) -> MemoryRevokedSessions:
    assert isinstance(revoked, MemoryRevokedSessions)
    return revoked


PORTS: Mapping[str, Mapping[Any, Callable[..., Any]]] = {
    "auth": {
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
    },
    "billing": {
        billing.Disputes: billing_reversals.MemoryDisputes,
        billing.CreditNotes: billing_reversals.MemoryCreditNotes,
        billing.Applications: memory_billing.MemoryApplications,
        billing.PaymentMethodChanges: billing_methods.MemoryPaymentMethodChanges,
        billing.Customers: memory_billing.MemoryCustomers,
        billing.Housekeeping: MemoryHousekeeping,
        billing.Memberships: MemoryMemberships,
        billing.Invoices: billing_money.MemoryInvoices,
        billing.Ledger: billing_money.MemoryLedger,
        billing.Mailer: billing_provider.MemoryMailer,
        billing.WebhookEvents: billing_money.MemoryWebhookEvents,
        billing.PaymentProvider: billing_provider.MemoryProvider,
        billing.Payments: payments,
        billing.Plans: memory_billing.MemoryPlans,
        billing.RatedPeriods: billing_money.MemoryRatedPeriods,
        billing.Subscriptions: billing_money.MemorySubscriptions,
        billing.MeasurementState: memory_billing.MemoryMeasurementState,
        billing.Usage: memory_billing.MemoryUsage,
        billing.UsageNotices: billing_money.MemoryUsageNotices,
    },
    "deploy": {
        deploy.ApplicationRequests: deploy_cluster.MemoryApplicationRequests,
        deploy.Applications: applications,
        deploy.Builds: memory_deploy.FixedBuilds,
        deploy.Cluster: deploy_cluster.MemoryCluster,
        deploy.Configurations: memory_deploy.MemoryConfigurations,
        deploy.CertificateAuthority: deploy_domains.MemoryAuthority,
        deploy.DataServices: data_services,
        deploy.ServiceBackupStore: deploy_backups.MemoryServiceBackupStore,
        deploy.ServiceBackups: deploy_backups.MemoryServiceBackups,
        deploy.ServiceMover: service_mover,
        deploy.ServiceProvisioners: deploy_data_services.MemoryServiceProvisioners,
        deploy.ServiceTunnels: deploy_data_services.MemoryServiceTunnels,
        deploy.Deployments: deploy_releases.MemoryDeployments,
        deploy.DomainObjects: deploy_domains.MemoryDomainObjects,
        deploy.Domains: domains,
        deploy.Environments: memory_deploy.MemoryEnvironments,
        deploy.FunctionServices: function_services,
        deploy.Housekeeping: MemoryHousekeeping,
        deploy.Inspections: deploy_inspections.MemoryInspections,
        deploy.Memberships: MemoryMemberships,
        deploy.Networks: memory_deploy.FixedNetworks,
        deploy.Operations: deploy_operations.MemoryOperations,
        deploy.Quotas: memory_deploy.MemoryQuotas,
        deploy.Releases: deploy_releases.MemoryReleases,
        deploy.RepositoryAccesses: memory_deploy.MemoryRepositoryAccesses,
        deploy.RenewalInfo: deploy_domains.MemoryRenewalInfo,
        deploy.Resolver: deploy_domains.MemoryResolver,
        deploy.Runs: runs,
        deploy.ProcessScalings: deploy_process_scalings.MemoryProcessScalings,
        deploy.Schedules: schedules,
        deploy.StorageMeters: deploy_storage_meters.MemoryStorageMeters,
        deploy.StorageUse: deploy_storage_meters.MemoryStorageUse,
        deploy_storage_meters.StoredRows: stored_rows,
        deploy.Vault: memory_deploy.PlainVault,
        deploy.VolumeSnapshots: deploy_volumes.MemoryVolumeSnapshots,
        deploy.VolumeStorage: deploy_volumes.MemoryVolumeStorage,
        deploy.Volumes: deploy_volumes.MemoryVolumes,
    },
    "monitor": {
        monitor.Addresses: monitor_alerts.MemoryAddresses,
        monitor.Alerts: alerts,
        monitor.Applications: memory_monitor.MemoryApplications,
        monitor.Channels: monitor_alerts.MemoryChannels,
        monitor.DeadLetters: monitor_alerts.MemoryDeadLetters,
        monitor.Deliveries: monitor_alerts.MemoryDeliveries,
        monitor.Collection: memory_monitor.MemoryCollection,
        monitor.DiskUsages: memory_metrics.MemoryDiskUsages,
        monitor.Erasures: erasures,
        monitor.Executions: memory_monitor.MemoryExecutions,
        monitor.Housekeeping: MemoryHousekeeping,
        monitor.Memberships: MemoryMemberships,
        monitor.Logs: memory_monitor.MemoryLogs,
        monitor.Mailer: monitor_alerts.MemoryMailer,
        monitor.Markers: memory_monitor.MemoryMarkers,
        monitor.Operators: monitor_alerts.MemoryOperators,
        monitor.Queues: monitor_queues.MemoryQueues,
        monitor.Requests: memory_metrics.MemoryRequests,
        monitor.Resources: memory_metrics.MemoryResources,
        monitor.Retention: memory_monitor.MemoryRetention,
        monitor.Rollups: memory_metrics.MemoryRollups,
        monitor.Rules: rules,
        monitor.UnownedUsage: memory_monitor.MemoryUnownedUsage,
        monitor.Vault: monitor_alerts.MemoryVault,
        monitor.WebhookDeliveries: monitor_webhooks.MemoryWebhookDeliveries,
        monitor.WebhookNotices: monitor_webhooks.MemoryWebhookNotices,
        monitor.WebhookStore: webhooks,
        monitor.Webhooks: monitor_alerts.MemoryWebhooks,
    },
}

EXTERNAL: frozenset[Any] = frozenset(
    {
        auth.Mailer,
        auth.ProviderClient,
        billing.Mailer,
        billing.PaymentProvider,
        deploy.ApplicationRequests,
        deploy.CertificateAuthority,
        deploy.Cluster,
        deploy.ServiceBackupStore,
        deploy.DomainObjects,
        deploy.FunctionServices,
        deploy.Networks,
        deploy.Resolver,
        deploy.ServiceMover,
        deploy.ServiceProvisioners,
        deploy.VolumeStorage,
        monitor.Mailer,
        monitor.Queues,
        monitor.WebhookNotices,
        monitor.Webhooks,
    }
)
"""Ports to foreign systems: no transaction restores their state, and none may be open while they are called."""

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
