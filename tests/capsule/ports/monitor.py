"""Which adapter stands behind each port of monitor."""

from collections.abc import Callable, Mapping
from typing import Any

from functions.monitor import ports as monitor
from tests.memory import monitor as memory_monitor
from tests.memory import (
    monitor_alerts,
    monitor_queues,
    monitor_webhooks,
)
from tests.memory import monitor_metrics as memory_metrics
from tests.memory.memberships import MemoryMemberships
from tests.memory.monitor_erasures import erasures
from tests.memory.runtime import MemoryHousekeeping


def alerts(applications: monitor.Applications) -> monitor_alerts.MemoryAlerts:
    assert isinstance(applications, memory_monitor.MemoryApplications)
    return monitor_alerts.MemoryAlerts(applications)


def rules(applications: monitor.Applications) -> monitor_alerts.MemoryRules:
    assert isinstance(applications, memory_monitor.MemoryApplications)
    return monitor_alerts.MemoryRules(applications)


def webhooks(deliveries: monitor.WebhookDeliveries) -> monitor_webhooks.MemoryWebhookStore:
    assert isinstance(deliveries, monitor_webhooks.MemoryWebhookDeliveries)
    return monitor_webhooks.MemoryWebhookStore(deliveries)


PORTS: Mapping[Any, Callable[..., Any]] = {
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
}

EXTERNAL: frozenset[Any] = frozenset({monitor.Mailer, monitor.Queues, monitor.WebhookNotices, monitor.Webhooks})
