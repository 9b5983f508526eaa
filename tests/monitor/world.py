"""The monitor context in memory, with names for what its tests do most."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from events.cluster import DiskUsage, LogEntry, LogsCollected, RequestsMeasured, RequestWindow, ResourcesMeasured, ResourceWindow
from events.deploy import ApplicationCreated
from events.deployments import DeploymentFailed, DeploymentRolledBack, DeploymentSucceeded
from events.monitor import UsageMeasured
from events.platform import DeadLetterCount, DeadLettersCounted
from functions.kernel import Caller, Event, new_id
from functions.monitor import ports
from functions.monitor.domain.alerts import Alert
from functions.monitor.queries.logs import LogsView, ReadLogs
from functions.monitor.queries.metrics import MetricsView, ReadMetrics
from functions.monitor.queries.timeline import ShowTimeline, TimelineView
from knative.collector.duration_buckets import bucket_of
from tests.capsule import Capsule, FixedClock
from tests.memory import monitor as memory
from tests.memory import monitor_alerts as memory_alerts

NOW = datetime(2026, 5, 20, 10, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ADA, BOB, ADMIN = Caller(UUID(int=1)), Caller(UUID(int=2)), Caller(UUID(int=3), frozenset({"admin"}))
APP, OTHER, DEPLOYMENT = UUID(int=10), UUID(int=11), UUID(int=20)


class Monitor(Capsule):
    """The monitor context in memory. `advance` delivers timers and retries at their time."""

    def __init__(self, **options: Any) -> None:
        super().__init__("monitor", clock=FixedClock(NOW), **options)
        self.applications: memory.MemoryApplications = self.port(ports.Applications)
        self.logs: memory.MemoryLogs = self.port(ports.Logs)
        self.executions: memory.MemoryExecutions = self.port(ports.Executions)
        self.alerts: memory_alerts.MemoryAlerts = self.port(ports.Alerts)
        self.rules: memory_alerts.MemoryRules = self.port(ports.Rules)
        self.channels: memory_alerts.MemoryChannels = self.port(ports.Channels)
        self.deliveries: memory_alerts.MemoryDeliveries = self.port(ports.Deliveries)
        self.addresses: memory_alerts.MemoryAddresses = self.port(ports.Addresses)
        self.mailer: memory_alerts.MemoryMailer = self.port(ports.Mailer)
        self.webhooks: memory_alerts.MemoryWebhooks = self.port(ports.Webhooks)
        self.vault: memory_alerts.MemoryVault = self.port(ports.Vault)

    # -- events -------------------------------------------------------------------------------------------------------

    async def created(self, application: UUID = APP, owner: Caller = ADA) -> list[UsageMeasured]:
        event = ApplicationCreated(application_id=application, user_id=owner.user_id, name="shop", at=self.clock.now())
        return await self._usage_after(event)

    async def known(self, application: UUID = APP) -> None:
        """An application whose owner has an e-mail address."""
        await self.addresses.keep(ADA.user_id, "ada@example.org", NOW)
        await self.created(application)

    async def collected(self, *entries: LogEntry) -> None:
        await self.publish(LogsCollected(entries=list(entries)))

    async def measured(self, *windows: RequestWindow) -> list[UsageMeasured]:
        return await self._usage_after(RequestsMeasured(windows=list(windows)))

    async def used(self, *windows: ResourceWindow) -> list[UsageMeasured]:
        return await self._usage_after(ResourcesMeasured(windows=list(windows)))

    async def disk_measured(self, *disks: DiskUsage) -> None:
        await self.publish(ResourcesMeasured(windows=[], disks=list(disks)))

    async def counted(self, *causes: tuple[str, str, int, datetime], context: str = "billing", open: int | None = None) -> None:
        """`causes`: (function, error, count, since)."""
        counts = [DeadLetterCount(function=function, error=error, count=count, oldest_at=oldest) for function, error, count, oldest in causes]
        oldest = min((cause.oldest_at for cause in counts), default=self.clock.now())
        total = sum(cause.count for cause in counts) if open is None else open
        await self.publish(DeadLettersCounted(context=context, open=total, oldest_at=oldest, causes=counts, at=self.clock.now()))

    async def failed(self, deployment: UUID = DEPLOYMENT, reason: str = "build-failed", environment: str = "staging") -> None:
        await self.publish(DeploymentFailed(**self._deployment(deployment, environment), reason=reason, detail="exit 1"), correlation_id="c1")

    async def rolled_back(self, deployment: UUID = DEPLOYMENT, environment: str = "staging") -> None:
        event = DeploymentRolledBack(**self._deployment(deployment, environment), release_id=new_id(), reason="error-rate")
        await self.publish(event, correlation_id="c1")

    async def succeeded(self, deployment: UUID, environment: str = "staging") -> None:
        await self.publish(DeploymentSucceeded(**self._deployment(deployment, environment), release_id=new_id(), url="http://shop.localhost"))

    def _deployment(self, deployment: UUID, environment: str) -> dict[str, Any]:
        ids = {"deployment_id": deployment, "application_id": APP, "user_id": ADA.user_id}
        return {**ids, "environment": environment, "at": self.clock.now()}

    async def _usage_after(self, event: Event) -> list[UsageMeasured]:
        before = len(self.events(UsageMeasured))
        await self.publish(event)
        return self.events(UsageMeasured)[before:]

    # -- observations -------------------------------------------------------------------------------------------------

    def open_alerts(self) -> list[Alert]:
        return [alert for alert in self.alerts.alerts.values() if not alert.closed]

    def mails(self) -> list[str]:
        return [f"{content.type}: {'; '.join(alert.kind for alert in content.alerts)}" for _, _, content in self.mailer.sent]

    async def read(self, caller: Caller = ADA, **request: Any) -> LogsView:
        view: LogsView = await self.call(ReadLogs.model_validate({"applicationId": APP, **request}), caller=caller)
        return view

    async def metrics(self, caller: Caller = ADA, **request: Any) -> MetricsView:
        view: MetricsView = await self.call(ReadMetrics.model_validate({"applicationId": APP, **request}), caller=caller)
        return view

    async def timeline(self, caller: Caller, correlation: str = "c1") -> TimelineView:
        view: TimelineView = await self.call(ShowTimeline(correlation_id=correlation), caller=caller)
        return view


def labels(application: UUID = APP, environment: str = "staging", component: str = "run") -> dict[str, str]:
    return {
        "capsule.dev/application": str(application),
        "capsule.dev/environment": environment,
        "capsule.dev/component": component,
        "capsule.dev/deployment": str(DEPLOYMENT),
    }


def entry(
    line: str, at: datetime = NOW, *, namespace: str = "app-shop", environment: str = "staging", component: str = "run", **more: str
) -> LogEntry:
    all_labels = {**labels(APP, environment, component), **more}
    return LogEntry(at=at, namespace=namespace, pod="shop-1", container="user", labels=all_labels, stream="stdout", line=line)


def platform(line: str, at: datetime = NOW, **labels: str) -> LogEntry:
    return LogEntry(at=at, namespace="capsule", pod="auth-register-1", container="function", labels=labels, stream="stderr", line=line)


def window(
    count: int, begin: datetime = NOW - MINUTE, *, application: UUID = APP, status: int = 200, environment: str = "staging", ms: float = 10.0
) -> RequestWindow:
    return RequestWindow.model_validate(
        {
            "from": begin,
            "to": begin + timedelta(seconds=1),
            "namespace": "app-shop",
            "service": "shop-staging",
            "revision": "shop-staging-00001",
            "labels": labels(application, environment),
            "status": status,
            "count": count,
            "durationMsSum": count * ms,
            "durations": {"scale": 4, "buckets": {bucket_of(ms): count}},
        }
    )


def resource(
    cpu: int, begin: datetime = NOW - MINUTE, *, seconds: float = 30, memory: int = 1000, environment: str = "staging", **changes: Any
) -> ResourceWindow:
    return ResourceWindow.model_validate(
        {
            "from": begin,
            "to": begin + timedelta(seconds=seconds),
            "namespace": "app-shop",
            "pod": "shop-1",
            "service": "shop-staging",
            "labels": labels(environment=environment),
            "cpuMilliseconds": cpu,
            "memoryBytesMax": memory * 2,
            "memoryBytesMean": memory,
            **changes,
        }
    )
