# GENERATED from the declarations by `python -m functions.describe`. Do not edit: change the declaration and run it again.
"""Requests and responses of monitor."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

from cli.api.shared_models import OperationProblem, OperationState, OperationStepView


class AcknowledgedAlertView(TypedDict):
    id: str
    acknowledgedAt: str
    acknowledgedBy: str


class AlertChannelPage(TypedDict):
    items: list[AlertChannelView]
    next: NotRequired[str | None]


class AlertChannelView(TypedDict):
    id: str
    url: str
    createdAt: str


class AlertDeliveryPage(TypedDict):
    items: list[AlertDeliveryView]
    next: NotRequired[str | None]


class AlertDeliveryView(TypedDict):
    """`target`: an e-mail address, or the URL of the webhook `channel_id`: scheme, host and port only for who may not change alerts. `state`: pending, delivered or failed. `answer`: the last response."""

    id: str
    channelId: str | None
    target: str
    notice: str
    alertIds: list[str]
    state: str
    attempts: int
    answer: str
    createdAt: str
    finishedAt: str | None


class AlertPage(TypedDict):
    items: list[AlertView]
    next: NotRequired[str | None]


class AlertRulePage(TypedDict):
    items: list[AlertRuleView]
    next: NotRequired[str | None]


AlertRuleView = TypedDict(
    "AlertRuleView",
    {
        "id": "str",
        "kind": "str",
        "environment": "str | None",
        "threshold": "float | None",
        "window": "int | None",
        "for": "int | None",
        "minRequests": "int | None",
        "noData": "str | None",
        "preset": "bool",
        "createdAt": "str",
    },
)


class AlertTestAccepted(TypedDict):
    operationId: str
    deliveryId: str


class AlertView(TypedDict):
    """`notified_at`: when its last notification was sent. For the platform (`application` 'capsule') `environment` is the function."""

    id: str
    applicationId: str
    application: str
    kind: str
    environment: str
    state: str
    summary: str
    value: float | None
    threshold: float | None
    deploymentId: str | None
    correlationId: str | None
    occurrences: int
    beganAt: str
    firedAt: str | None
    resolvedAt: str | None
    acknowledgedAt: str | None
    notifiedAt: str | None


class CreateAlertChannelBody(TypedDict):
    url: str


CreateAlertRuleBody = TypedDict(
    "CreateAlertRuleBody",
    {
        "kind": "Literal['deployment-failed', 'deployment-rolled-back', 'error-rate', 'latency', 'dead-letters', 'dead-letter-age', 'events-given-up']",
        "environment": "NotRequired[str | None]",
        "threshold": "NotRequired[float | None]",
        "window": "NotRequired[int]",
        "for": "NotRequired[int]",
        "minRequests": "NotRequired[int]",
        "noData": "NotRequired[Literal['keep', 'resolve', 'fire']]",
    },
)


class CreateWebhook(TypedDict):
    url: str
    eventTypes: list[str]
    description: NotRequired[str]
    teamId: NotRequired[str | None]


class DeliveryOperationView(TypedDict):
    id: str
    kind: str
    state: OperationState
    summary: str
    steps: list[OperationStepView]
    resource: str
    problem: OperationProblem | None
    requestedAt: str
    finishedAt: str | None
    webhookId: str | None
    applicationId: str | None


DeliveryState: TypeAlias = "Literal['pending', 'delivered', 'failed']"


class DeploymentMarker(TypedDict):
    """`kind`: deployment-succeeded, deployment-failed or deployment-rolled-back."""

    at: str
    kind: str
    environment: str
    deploymentId: str
    releaseId: str | None
    reason: str


class DiskView(TypedDict):
    """Bytes on the machine's disk, as measured last. `instances_bytes`: of the environment that was asked for, else of all. Null: not measured."""

    images: int
    imagesBytes: int
    cacheBytes: int | None
    instancesBytes: int | None
    measuredAt: str


class EnvironmentMetrics(TypedDict):
    environment: str
    total: MetricsPoint
    points: list[MetricsPoint]


class ExportedApplicationNameView(TypedDict):
    id: str
    name: str
    deletedAt: str | None


class ExportedChannelView(TypedDict):
    id: str
    applicationId: str
    url: str
    createdAt: str


class ExportedRuleView(TypedDict):
    id: str
    applicationId: str
    kind: str
    environment: str | None
    threshold: float | None
    createdAt: str


class FunctionLine(TypedDict):
    at: str
    service: str
    pod: str
    stream: str
    line: str


class FunctionLogsView(TypedDict):
    lines: list[FunctionLine]
    cursor: str


FunctionMetricsPage = TypedDict(
    "FunctionMetricsPage",
    {
        "from": "str",
        "to": "str",
        "functions": "list[FunctionMetricsView]",
    },
)


class FunctionMetricsView(TypedDict):
    """`executions` are those in the journal: queries that simply succeed are not in it. CPU is None where the function is grouped with others or did not run; memory is the most that one of its pods had. `dead_letters` wait for an operator, `dead_letters_max` is the most that did within the range; a function that has only those is there, too."""

    function: str
    kind: str
    executions: int
    failed: int
    retried: int
    rejected: int
    coldStarts: int
    p50Ms: float
    p95Ms: float
    p99Ms: float
    cpuMilliseconds: int | None
    memoryMaxBytes: int | None
    deadLetters: int
    deadLettersMax: int
    oldestDeadLetterAt: str | None


class LogLineView(TypedDict):
    at: str
    environment: str
    deploymentId: str | None
    component: str
    process: str
    pod: str
    stream: str
    line: str


class LogsView(TypedDict):
    """`cursor` is what to give as `after` to read on. Lines come in the order in which they were taken in."""

    lines: list[LogLineView]
    cursor: str


class MetricsPoint(TypedDict):
    """Requests whose window began within the step that begins at `at`. `error_rate`: answers of 5xx among all. Latencies are of the requests of all instances together, within 2.2 %. Memory is that of one instance; it is null where none ran."""

    at: str
    requests: int
    byStatus: dict[str, int]
    errorRate: float | None
    meanLatencyMs: float | None
    p50LatencyMs: float | None
    p95LatencyMs: float | None
    p99LatencyMs: float | None
    cpuMilliseconds: int
    memoryMaxBytes: int | None
    memoryMeanBytes: int | None


MetricsView = TypedDict(
    "MetricsView",
    {
        "from": "str",
        "to": "str",
        "measuredUntil": "str | None",
        "notMeasuredSince": "str | None",
        "step": "int",
        "total": "MetricsPoint",
        "points": "list[MetricsPoint]",
        "environments": "list[EnvironmentMetrics]",
        "markers": "list[DeploymentMarker]",
        "disk": "DiskView | None",
    },
)


class MonitorExport(TypedDict):
    email: str | None
    applications: list[ExportedApplicationNameView]
    rules: list[ExportedRuleView]
    channels: list[ExportedChannelView]
    webhooks: list[WebhookView]
    alerts: list[AlertView]


class NewAlertChannelView(TypedDict):
    """`secret` is shown this once: with it the receiver checks the signature (standardwebhooks.com)."""

    id: str
    url: str
    secret: str
    createdAt: str


class NewAlertRuleView(TypedDict):
    id: str
    createdAt: str


class NewWebhookView(TypedDict):
    """`secret` is shown this once: with it the receiver checks signatures (standardwebhooks.com)."""

    id: str
    teamId: str
    url: str
    eventTypes: list[str]
    description: str
    isEnabled: bool
    disabledReason: str | None
    disabledAt: str | None
    failingSince: str | None
    previousSecretExpiresAt: str | None
    createdBy: str | None
    createdAt: str
    secret: str


QueueKind: TypeAlias = "Literal['function', 'delay', 'unroutable', 'dead-letter']"


class QueueView(TypedDict):
    """`service`: that the messages are for; null for queues of no function. `ready`: messages that no consumer has. `unacknowledged`: that one has and has not finished. `is_stuck`: messages wait, and nothing takes them."""

    name: str
    kind: QueueKind
    service: str | None
    ready: int
    unacknowledged: int
    consumers: int
    state: str
    isStuck: bool


class QueuesView(TypedDict):
    """Sums are those of queues of functions. `delayed`: retries and reminders that are not due. Those with messages first."""

    at: str
    ready: int
    unacknowledged: int
    consumers: int
    stuck: int
    delayed: int
    queues: list[QueueView]


class TimelineCause(TypedDict):
    name: str
    messageId: str | None


class TimelineEntry(TypedDict):
    """`kind`: request, command, query, event, effect or schedule. `depth`: how many causes lie before it."""

    at: str
    durationMs: float
    kind: str
    name: str
    context: str
    messageId: str | None
    type: str | None
    outcome: str
    detail: str
    attempt: int
    cold: bool
    emitted: list[str]
    causedBy: TimelineCause | None
    depth: int


class TimelineView(TypedDict):
    correlationId: str
    traceId: str | None
    begin: str
    end: str
    entries: list[TimelineEntry]


class UpdateWebhookBody(TypedDict):
    url: NotRequired[str | None]
    eventTypes: NotRequired[list[str] | None]
    description: NotRequired[str | None]
    enabled: NotRequired[bool | None]


class WebhookDeliveryAccepted(TypedDict):
    operationId: str
    deliveryId: str


class WebhookDeliveryPage(TypedDict):
    items: list[WebhookDeliveryView]
    next: NotRequired[str | None]


class WebhookDeliveryView(TypedDict):
    id: str
    eventType: str
    state: str
    attempts: int
    response: str
    nextAttemptAt: str | None
    createdAt: str
    finishedAt: str | None
    payload: WebhookPayload


class WebhookEventTypePage(TypedDict):
    items: list[WebhookEventTypeView]
    next: NotRequired[str | None]


class WebhookEventTypeView(TypedDict):
    type: str
    summary: str


class WebhookPage(TypedDict):
    items: list[WebhookView]
    next: NotRequired[str | None]


class WebhookPayload(TypedDict):
    """The body of a request to a webhook (standardwebhooks.com). `timestamp`: when the event happened."""

    type: str
    timestamp: str
    data: dict[str, Any]


class WebhookSecretView(TypedDict):
    """`secret` is shown this once: with it the receiver checks signatures (standardwebhooks.com)."""

    id: str
    secret: str
    previousSecretExpiresAt: str | None


class WebhookView(TypedDict):
    id: str
    teamId: str
    url: str
    eventTypes: list[str]
    description: str
    isEnabled: bool
    disabledReason: str | None
    disabledAt: str | None
    failingSince: str | None
    previousSecretExpiresAt: str | None
    createdBy: str | None
    createdAt: str
