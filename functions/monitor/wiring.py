"""What stands behind monitor's ports."""

from functions.kernel import Clock
from functions.monitor import ports
from functions.monitor.adapters import variables
from functions.monitor.adapters.alerts import PostgresAddresses, PostgresAlerts, PostgresRules
from functions.monitor.adapters.collection import PostgresCollection
from functions.monitor.adapters.dead_letters import PostgresDeadLetters, SettingsOperators
from functions.monitor.adapters.disk import PostgresDiskUsages
from functions.monitor.adapters.emails import EmailNotifier
from functions.monitor.adapters.erasures import PostgresErasures
from functions.monitor.adapters.logs import PostgresLogs
from functions.monitor.adapters.metrics import PostgresRequests, PostgresResources, PostgresRollups
from functions.monitor.adapters.notifications import PostgresChannels, PostgresDeliveries
from functions.monitor.adapters.postgres import PostgresApplications, PostgresMarkers, PostgresUnownedUsage
from functions.monitor.adapters.postgres_webhooks import PostgresWebhookDeliveries, PostgresWebhooks
from functions.monitor.adapters.sealing import SealedVault
from functions.monitor.adapters.series import PostgresExecutions, PostgresRetention
from functions.monitor.adapters.webhook_notices import WebhookNoticeSender
from functions.monitor.domain.webhook_url import WebhookPolicy
from functions.monitor.services.access_control import AccessControl
from functions.monitor.services.attempt_limiter import AttemptLimiter
from functions.monitor.services.erasure import Erasure
from functions.monitor.services.incident_alerts import IncidentAlerts
from functions.monitor.services.measurement import Measurement
from functions.monitor.services.operation_reader import OperationReader
from functions.monitor.services.webhook_access import WebhookAccess
from functions.monitor.services.webhook_dispatcher import WebhookDispatcher
from functions.runtime.config.settings import Settings
from functions.runtime.config.wiring import SealedColumn, Wiring
from functions.runtime.email.guarded import GuardedTransport
from functions.runtime.email.transport import EmailTransport, email_transport
from functions.runtime.reliability.email_suppressions import EmailSuppressions
from functions.runtime.reliability.housekeeping import Housekeeping as Sweeper
from functions.runtime.reliability.memberships import PostgresMemberships


def housekeeping(sweeper: Sweeper) -> ports.Housekeeping:
    return sweeper


def queues(settings: Settings) -> ports.Queues:
    from functions.monitor.adapters.rabbitmq_queues import RabbitMQQueues  # httpx is large: only who calls out waits for it

    return RabbitMQQueues(settings)


def webhooks(settings: Settings) -> ports.Webhooks:
    from functions.monitor.adapters.webhooks import HttpWebhooks  # httpx is large: only who calls out waits for it

    return HttpWebhooks(settings)


def webhook_policy(settings: Settings) -> WebhookPolicy:
    return WebhookPolicy(settings.value(variables.WEBHOOK_HOSTS))


def guarded_transport(settings: Settings, clock: Clock, suppressions: EmailSuppressions) -> EmailTransport:
    return GuardedTransport(email_transport(settings, clock), suppressions)


wiring = Wiring(
    database="monitor",
    settings=variables.SECTIONS,
    sealed=(
        SealedColumn("alert_channels", ("id",), "secret"),
        SealedColumn("webhooks", ("id",), "secret"),
        SealedColumn("webhooks", ("id",), "previous_secret"),
        SealedColumn("webhooks", ("id",), "oldest_secret"),
    ),
    ports={
        ports.Addresses: PostgresAddresses,
        ports.Alerts: PostgresAlerts,
        ports.Applications: PostgresApplications,
        ports.Channels: PostgresChannels,
        ports.Collection: PostgresCollection,
        ports.DeadLetters: PostgresDeadLetters,
        ports.Deliveries: PostgresDeliveries,
        ports.DiskUsages: PostgresDiskUsages,
        ports.Erasures: PostgresErasures,
        Erasure: Erasure,
        ports.Executions: PostgresExecutions,
        Measurement: Measurement,
        ports.Housekeeping: housekeeping,
        ports.Logs: PostgresLogs,
        ports.Mailer: EmailNotifier,
        AccessControl: AccessControl,
        ports.Markers: PostgresMarkers,
        ports.Memberships: PostgresMemberships,
        ports.Operators: SettingsOperators,
        ports.Queues: queues,
        ports.Requests: PostgresRequests,
        ports.Resources: PostgresResources,
        ports.Retention: PostgresRetention,
        ports.Rollups: PostgresRollups,
        ports.Rules: PostgresRules,
        ports.UnownedUsage: PostgresUnownedUsage,
        ports.Vault: SealedVault,
        ports.WebhookDeliveries: PostgresWebhookDeliveries,
        ports.WebhookNotices: WebhookNoticeSender,
        ports.WebhookStore: PostgresWebhooks,
        ports.Webhooks: webhooks,
        AttemptLimiter: AttemptLimiter,
        IncidentAlerts: IncidentAlerts,
        OperationReader: OperationReader,
        WebhookAccess: WebhookAccess,
        WebhookDispatcher: WebhookDispatcher,
        EmailTransport: guarded_transport,
        WebhookPolicy: webhook_policy,
    },
)
