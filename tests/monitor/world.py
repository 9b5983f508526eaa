"""Monitor over memory, with a clock that a test sets: its functions are called as the runtime calls them, timers come when their time comes."""

from collections.abc import Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from events.cluster import DiskUsage, LogEntry, LogsCollected, RequestsMeasured, RequestWindow, ResourcesMeasured, ResourceWindow
from events.deploy import ApplicationCreated, DeploymentFailed, DeploymentRolledBack, DeploymentSucceeded
from events.monitor import AlertNotificationRequested, UsageMeasured
from events.platform import DeadLetterCount, DeadLettersCounted
from functions.kernel import Caller, Delayed, Done, Event, Origin, Transient, new_id
from functions.monitor.adapters import memory, memory_alerts
from functions.monitor.domain.alerts import Alert
from functions.monitor.domain.timers import AlertCheckDue, NotificationDue
from functions.monitor.handlers.on_alert_check_due import on_alert_check_due
from functions.monitor.handlers.on_alert_notification_requested import on_alert_notification_requested
from functions.monitor.handlers.on_application_created import on_application_created
from functions.monitor.handlers.on_dead_letters_counted import on_dead_letters_counted
from functions.monitor.handlers.on_deployment_failed import on_deployment_failed
from functions.monitor.handlers.on_deployment_rolled_back import on_deployment_rolled_back
from functions.monitor.handlers.on_deployment_succeeded import on_deployment_succeeded
from functions.monitor.handlers.on_logs_collected import on_logs_collected
from functions.monitor.handlers.on_notification_due import on_notification_due
from functions.monitor.handlers.on_requests_measured import on_requests_measured
from functions.monitor.handlers.on_resources_measured import on_resources_measured
from functions.monitor.queries.logs import LogsView, ReadLogs, logs
from functions.monitor.queries.metrics import MetricsView, ReadMetrics, metrics
from functions.monitor.queries.timeline import ShowTimeline, TimelineView, timeline
from knative.local.eventing.duration_buckets import bucket_of

NOW = datetime(2026, 5, 20, 10, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ADA, BOB, ADMIN = Caller(UUID(int=1)), Caller(UUID(int=2)), Caller(UUID(int=3), frozenset({"admin"}))
APP, OTHER, DEPLOYMENT = UUID(int=10), UUID(int=11), UUID(int=20)


class Work:
    """An effect's transactions, over memory."""

    def resumes(self, origin: Origin) -> None:
        raise AssertionError("nothing of monitor resumes what began elsewhere")

    @asynccontextmanager
    async def reading(self) -> Any:
        yield

    preparing = reading

    @asynccontextmanager
    async def recording(self) -> Any:
        yield self

    def emit(self, *events: Any) -> None:
        raise AssertionError("nothing of monitor emits from an effect")


class Monitor:
    def __init__(self) -> None:
        self.time = NOW
        self.applications, self.unowned = memory.MemoryApplications(), memory.MemoryUnownedUsage()
        self.logs, self.executions = memory.MemoryLogs(), memory.MemoryExecutions()
        self.requests, self.resources, self.markers = memory.MemoryRequests(), memory.MemoryResources(), memory.MemoryMarkers()
        self.disks = memory.MemoryDiskUsages()
        self.rules, self.alerts, self.addresses = memory_alerts.MemoryRules(), memory_alerts.MemoryAlerts(), memory_alerts.MemoryAddresses()
        self.channels, self.deliveries = memory_alerts.MemoryChannels(), memory_alerts.MemoryDeliveries()
        self.letters, self.operators, self.vault = memory_alerts.MemoryDeadLetters(), memory_alerts.MemoryOperators(), memory_alerts.MemoryVault()
        self.mailer, self.webhooks = memory_alerts.MemoryMailer(), memory_alerts.MemoryWebhooks()
        self.timers: list[tuple[datetime, Event]] = []
        self.said: list[Event] = []

    def now(self) -> datetime:
        return self.time

    # --- what happens

    async def created(self, application: UUID = APP, owner: Caller = ADA) -> list[UsageMeasured]:
        event = ApplicationCreated(application_id=application, user_id=owner.user_id, name="shop", at=self.time)
        return usage(await self._took(await on_application_created(event, self.applications, self.unowned, self.rules)))

    async def known(self, application: UUID = APP) -> None:
        """Its owner can be reached."""
        await self.addresses.keep(ADA.user_id, "ada@example.org", NOW)
        await self.created(application)

    async def collected(self, *entries: LogEntry) -> None:
        await on_logs_collected(LogsCollected(entries=list(entries)), self.logs, self.executions, self)

    async def measured(self, *windows: RequestWindow) -> list[UsageMeasured]:
        event = RequestsMeasured(windows=list(windows))
        done = await on_requests_measured(event, self.requests, self.applications, self.unowned, self.rules, self.alerts, self)
        return [event for event in await self._took(done) if isinstance(event, UsageMeasured)]

    async def used(self, *windows: ResourceWindow) -> list[UsageMeasured]:
        event = ResourcesMeasured(windows=list(windows))
        return usage(await self._took(await on_resources_measured(event, self.resources, self.disks, self.applications, self.unowned, self)))

    async def disk_measured(self, *disks: DiskUsage) -> None:
        event = ResourcesMeasured(windows=[], disks=list(disks))
        await on_resources_measured(event, self.resources, self.disks, self.applications, self.unowned, self)

    async def counted(self, *causes: tuple[str, str, int, datetime], context: str = "billing", open: int | None = None) -> None:
        """(function, error, how many, since when)"""
        found = [DeadLetterCount(function=function, error=error, count=count, oldest_at=oldest) for function, error, count, oldest in causes]
        oldest = min((cause.oldest_at for cause in found), default=self.time)
        sum_of_all = sum(cause.count for cause in found) if open is None else open
        event = DeadLettersCounted(context=context, open=sum_of_all, oldest_at=oldest, causes=found, at=self.time)
        await self._took(await on_dead_letters_counted(event, self.letters, self.rules, self.alerts, self))

    async def failed(self, deployment: UUID = DEPLOYMENT, reason: str = "build-failed", environment: str = "staging") -> None:
        event = DeploymentFailed(**self._of(deployment, environment), reason=reason, detail="exit 1")
        await self._took(await on_deployment_failed(event, self.markers, self.rules, self.alerts, Origin("c1")))

    async def rolled_back(self, deployment: UUID = DEPLOYMENT, environment: str = "staging") -> None:
        event = DeploymentRolledBack(**self._of(deployment, environment), release_id=new_id(), reason="error-rate")
        await self._took(await on_deployment_rolled_back(event, self.markers, self.rules, self.alerts, Origin("c1")))

    async def succeeded(self, deployment: UUID, environment: str = "staging") -> None:
        event = DeploymentSucceeded(**self._of(deployment, environment), release_id=new_id(), url="http://shop.localhost")
        await self._took(await on_deployment_succeeded(event, self.markers, self.alerts, self))

    def _of(self, deployment: UUID, environment: str) -> dict[str, Any]:
        ids = {"deployment_id": deployment, "application_id": APP, "user_id": ADA.user_id}
        return {**ids, "environment": environment, "at": self.time}

    # --- time

    async def passes(self, time: timedelta) -> None:
        """Timers that come due meanwhile are delivered, each at its time."""
        until = self.time + time
        while due := [timer for timer in self.timers if timer[0] <= until]:
            first = min(due, key=lambda timer: timer[0])
            self.timers.remove(first)
            self.time, event = first
            await self._took(await self._handle(event))
        self.time = until

    async def _handle(self, event: Event) -> Done[None]:
        if isinstance(event, AlertCheckDue):
            return await on_alert_check_due(event, self.alerts, self.rules, self.requests, self.letters, self)
        assert isinstance(event, NotificationDue)
        try:
            return await on_notification_due(
                event, self.alerts, self.applications, self.addresses, self.channels, self.deliveries, self.operators, self
            )
        except Transient:
            self.timers.append((self.time + MINUTE, event))
            return Done(None)

    async def _took(self, done: Done[Any]) -> list[Event]:
        """What a function said: events are handled, timers are set."""
        said = []
        for each in done.events:
            if isinstance(each, Delayed):
                self.timers.append((self.time + each.delay, each.event))
                continue
            assert isinstance(each, Event)
            said.append(each)
            self.said.append(each)
            if isinstance(each, AlertNotificationRequested):
                await self.deliver(each)
        return said

    async def deliver(self, requested: AlertNotificationRequested) -> None:
        await on_alert_notification_requested(requested, self.deliveries, self.channels, self.mailer, self.webhooks, self.vault, self, Work())

    # --- what is read

    def open_alerts(self) -> list[Alert]:
        return [alert for alert in self.alerts.alerts.values() if not alert.closed]

    def mails(self) -> list[str]:
        return [f"{content.type}: {'; '.join(alert.kind for alert in content.alerts)}" for _, _, content in self.mailer.sent]

    async def read(self, caller: Caller = ADA, **asked: Any) -> LogsView:
        return await logs(ReadLogs.model_validate({"applicationId": APP, **asked}), caller, self.applications, self.logs)

    async def metrics(self, caller: Caller = ADA, **asked: Any) -> MetricsView:
        wanted = ReadMetrics.model_validate({"applicationId": APP, **asked})
        return await metrics(wanted, caller, self.applications, self.requests, self.resources, self.markers, self.disks, self)

    async def timeline(self, caller: Caller, correlation: str = "c1") -> TimelineView:
        return await timeline(ShowTimeline(correlation_id=correlation), caller, self.executions)


def usage(events: Sequence[Event]) -> list[UsageMeasured]:
    found = [event for event in events if isinstance(event, UsageMeasured)]
    assert len(found) == len(events)
    return found


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
    said = {**labels(APP, environment, component), **more}
    return LogEntry(at=at, namespace=namespace, pod="shop-1", container="user", labels=said, stream="stdout", line=line)


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
    cpu: int, begin: datetime = NOW - MINUTE, *, seconds: float = 30, memory: int = 1000, environment: str = "staging", **said: Any
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
            **said,
        }
    )
