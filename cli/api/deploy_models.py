# GENERATED from the declarations by `python -m functions.describe`. Do not edit: change the declaration and run it again.
"""Requests and responses of deploy."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

from cli.api.shared_models import OperationProblem, OperationState, OperationStepView


class AddDomainBody(TypedDict):
    host: str


class AddExternalDataServiceBody(TypedDict):
    name: str
    url: str


class ApplicationDeletionAccepted(TypedDict):
    id: str
    operationId: str
    status: str


class ApplicationSettingsView(TypedDict):
    repository: str | None
    image: str | None
    branch: str | None
    directory: str | None
    builder: Builder
    buildCommand: str | None
    startCommand: str | None
    releaseCommand: str | None
    healthPath: str | None
    port: int | None
    wakingPage: bool
    id: str
    name: str


class ApplicationSummaryPage(TypedDict):
    items: list[ApplicationSummaryView]
    next: NotRequired[str | None]


class ApplicationSummaryView(TypedDict):
    id: str
    name: str
    repository: str | None
    image: str | None
    teamId: str
    team: str | None
    createdAt: str


class ApplicationView(TypedDict):
    repository: str | None
    image: str | None
    branch: str | None
    directory: str | None
    builder: Builder
    buildCommand: str | None
    startCommand: str | None
    releaseCommand: str | None
    healthPath: str | None
    port: int | None
    wakingPage: bool
    id: str
    name: str
    teamId: str
    createdAt: str
    configVersion: int
    environments: list[DeployedEnvironmentView]


class AttachTicketView(TypedDict):
    url: str
    ticket: str
    streams: RunStreams
    expiresAt: str


class AttachVolumeBody(TypedDict):
    environment: str
    mountPath: str
    processes: NotRequired[list[str]]
    deploy: NotRequired[bool]


class AutoscalingRequest(TypedDict):
    minInstances: int
    maxInstances: int
    metrics: list[MetricRequest]


class AutoscalingView(TypedDict):
    minInstances: int
    maxInstances: int
    metrics: list[MetricView]
    problem: str | None
    lastScaling: ScalingView | None


class BackupPolicyView(TypedDict):
    schedule: str | None
    keepCount: int
    keepDays: int
    nextAt: str | None


BackupState: TypeAlias = "Literal['running', 'complete', 'failed', 'deleting']"


BackupTrigger: TypeAlias = "Literal['manual', 'schedule', 'safety']"


class BindDataServiceBody(TypedDict):
    variable: NotRequired[str | None]
    deploy: NotRequired[bool]


Builder: TypeAlias = "Literal['auto', 'native', 'dockerfile', 'buildpack']"


CertificateSource: TypeAlias = "Literal['acme', 'own', 'cluster']"


class CertificateView(TypedDict):
    source: CertificateSource | None
    issuer: str
    issuedAt: str | None
    expiresAt: str | None
    nextAttemptAt: str | None
    failures: int
    failure: str | None


class ChangeApplicationBody(TypedDict):
    repository: NotRequired[str | None]
    image: NotRequired[str | None]
    branch: NotRequired[str | None]
    directory: NotRequired[str | None]
    builder: NotRequired[Builder | None]
    buildCommand: NotRequired[str | None]
    startCommand: NotRequired[str | None]
    releaseCommand: NotRequired[str | None]
    healthPath: NotRequired[str | None]
    port: NotRequired[int | None]
    wakingPage: NotRequired[bool | None]


class ChangeDomainBody(TypedDict):
    redirects: NotRequired[bool | None]
    hstsSeconds: NotRequired[int | None]


class ChangeScheduleBody(TypedDict):
    cron: NotRequired[str | None]
    command: NotRequired[str | None]
    timeZone: NotRequired[str | None]
    overlap: NotRequired[Overlap | None]
    timeoutSeconds: NotRequired[int | None]
    stopSeconds: NotRequired[int | None]
    isPaused: NotRequired[bool | None]


class ConfigurationAccepted(TypedDict):
    version: int
    deployments: list[DeploymentAccepted]
    operationId: str | None


class ConfigurationDifferenceView(TypedDict):
    """A name whose value in the release differs from the newest. `before`: in the release, None if it does not have the name, and of a secret. `after`: the newest, None if the name was removed, and of a secret."""

    name: str
    change: Literal['added', 'changed', 'removed']
    isSecret: bool
    before: str | None
    after: str | None
    beforeScope: NotRequired[Literal['application', 'environment'] | None]
    afterScope: NotRequired[Literal['application', 'environment'] | None]
    beforeVersion: NotRequired[int | None]
    afterVersion: NotRequired[int | None]


class ConfigurationEntryView(TypedDict):
    name: str
    secret: bool
    value: str | None
    version: int
    scope: Literal['application', 'environment']
    changedAt: str


class ConfigurationView(TypedDict):
    version: int
    entries: list[ConfigurationEntryView]
    released: ReleasedConfigurationView | None


class ConfigureApplicationBody(TypedDict):
    variables: NotRequired[dict[str, str]]
    secrets: NotRequired[dict[str, str]]
    unset: NotRequired[list[str]]
    deploy: NotRequired[bool]


class ConfigureEnvironmentBody(TypedDict):
    variables: NotRequired[dict[str, str]]
    secrets: NotRequired[dict[str, str]]
    unset: NotRequired[list[str]]
    deploy: NotRequired[bool]


class CreateApplication(TypedDict):
    """With `repository` or with `image`. The other fields are optional settings, which PATCH changes."""

    name: str
    repository: NotRequired[str | None]
    image: NotRequired[str | None]
    branch: NotRequired[str | None]
    directory: NotRequired[str | None]
    builder: NotRequired[Builder | None]
    buildCommand: NotRequired[str | None]
    startCommand: NotRequired[str | None]
    releaseCommand: NotRequired[str | None]
    healthPath: NotRequired[str | None]
    port: NotRequired[int | None]
    wakingPage: NotRequired[bool | None]
    teamId: NotRequired[str | None]


class CreateDataServiceBody(TypedDict):
    name: str
    kind: NotRequired[ServiceKind]
    plan: NotRequired[str]


class CreateEnvironmentBody(TypedDict):
    name: str


class CreateScheduleBody(TypedDict):
    cron: str
    command: str
    timeZone: NotRequired[str]
    overlap: NotRequired[Overlap]
    timeoutSeconds: NotRequired[int]
    stopSeconds: NotRequired[int]


class CreateVolumeBody(TypedDict):
    name: str
    sizeMib: NotRequired[int]


class CreatedApplicationView(TypedDict):
    repository: str | None
    image: str | None
    branch: str | None
    directory: str | None
    builder: Builder
    buildCommand: str | None
    startCommand: str | None
    releaseCommand: str | None
    healthPath: str | None
    port: int | None
    wakingPage: bool
    id: str
    name: str
    teamId: str
    createdAt: str


class CreatedEnvironmentView(TypedDict):
    name: str
    createdAt: str


class DataServiceAccepted(TypedDict):
    id: str
    operationId: str
    name: str
    kind: ServiceKind
    plan: str
    state: ServiceState
    requestedAt: str


class DataServiceLogsView(TypedDict):
    lines: list[str]


class DataServiceMetricsView(TypedDict):
    id: str
    name: str
    kind: ServiceKind
    isRunning: bool
    storageBytes: int
    storageLimitBytes: int
    connections: int
    maxConnections: int
    memoryBytes: int | None
    memoryLimitBytes: int | None
    hitRatio: float | None
    operations: int | None
    failures: int | None
    slowStatements: list[SlowStatementView]


class DataServicePage(TypedDict):
    items: list[DataServiceView]
    next: NotRequired[str | None]


class DataServiceView(TypedDict):
    id: str
    name: str
    kind: ServiceKind
    plan: str
    state: ServiceState
    error: str | None
    scalingPlan: str | None
    bindings: list[ServiceBindingView]
    maxConnections: int | None
    storageMib: int | None
    statementTimeoutSeconds: int | None
    memoryMib: int | None
    cpuMillis: int | None
    requestedAt: str
    readyAt: str | None
    rotatedAt: str | None
    storageExceededAt: str | None
    deletedAt: str | None
    purgeAt: str | None


class DeployBody(TypedDict):
    environment: str
    ref: NotRequired[str | None]


class DeployExport(TypedDict):
    quota: ExportedQuotaView | None
    applications: list[ExportedApplicationView]


class DeployKeyView(TypedDict):
    publicKey: str
    fingerprint: str
    createdAt: str


class DeployedEnvironmentView(TypedDict):
    name: str
    summary: str
    stoppedAt: str | None
    pausedAt: str | None
    pauseReason: str | None
    maintenance: MaintenanceView | None
    url: str | None
    release: int | None
    commit: str | None
    servingSince: str | None
    latestDeployment: LatestDeploymentView


class DeploymentAccepted(TypedDict):
    """The deployment continues in the background: follow its operation, or poll it by its id, for the outcome."""

    id: str
    operationId: str
    applicationId: str
    environment: str
    cause: str
    ref: str | None
    release: int | None
    status: str
    requestedAt: str
    correlationId: str


class DeploymentStepView(TypedDict):
    step: str
    startedAt: str
    finishedAt: str | None
    attempts: NotRequired[int]
    error: NotRequired[str | None]


class DeploymentSummaryPage(TypedDict):
    items: list[DeploymentSummaryView]
    next: NotRequired[str | None]


class DeploymentSummaryView(TypedDict):
    id: str
    environment: str
    cause: str
    status: str
    reason: str | None
    commit: str | None
    release: int | None
    rolledBackTo: int | None
    url: str | None
    requestedAt: str
    startedBy: str | None
    finishedAt: str | None


class DeploymentView(TypedDict):
    id: str
    applicationId: str
    environment: str
    cause: str
    ref: str | None
    status: str
    summary: str
    reason: str | None
    detail: str | None
    commit: str | None
    release: int | None
    previousRelease: int | None
    rolledBackTo: int | None
    url: str | None
    observationSeconds: int
    requestedAt: str
    startedBy: str | None
    finishedAt: str | None
    steps: list[DeploymentStepView]
    correlationId: str


class DetectedPlanView(TypedDict):
    """How a repository would be built and started."""

    kind: str
    reason: str
    directory: str
    toolchains: list[PlannedTool]
    steps: list[PlannedStep]
    start: str
    release: str
    processes: list[PlannedCommand]
    health: str
    port: int | None
    dockerfile: str
    isSite: bool
    notices: list[str]
    variables: list[NeededVariable]
    gaps: list[str]
    isShortened: bool


class DnsRecordView(TypedDict):
    name: str
    type: str
    value: str


class DomainPage(TypedDict):
    items: list[DomainView]
    next: NotRequired[str | None]


DomainState: TypeAlias = "Literal['pending', 'verified']"


class DomainView(TypedDict):
    id: str
    host: str
    environment: str
    state: DomainState
    proof: Proof | None
    problem: str | None
    records: list[DnsRecordView]
    challenge: DnsRecordView | None
    isPointedHere: bool
    isDelegated: bool
    redirects: bool
    hstsSeconds: int | None
    createdAt: str
    verifiedAt: str | None
    checkedAt: str | None
    nextCheckAt: str | None
    lostAt: str | None
    certificate: CertificateView


class EnvironmentDeletionAccepted(TypedDict):
    name: str
    operationId: str
    warning: str | None


class EnvironmentPage(TypedDict):
    items: list[EnvironmentView]
    next: NotRequired[str | None]


class EnvironmentProtectionView(TypedDict):
    name: str
    isProtected: bool


class EnvironmentStopAccepted(TypedDict):
    name: str
    release: int | None
    stoppedAt: str | None
    operationId: str | None


class EnvironmentView(TypedDict):
    name: str
    isProtected: bool
    createdAt: str
    minScale: int
    maxScale: int
    memoryMib: int
    cpuMillis: int
    observationSeconds: int
    stoppedAt: str | None
    pausedAt: str | None
    pauseReason: str | None
    maintenance: MaintenanceView | None
    url: str | None
    release: int | None
    commit: str | None


class ExportedApplicationView(TypedDict):
    dataServices: list[ExportedDataServiceView]
    volumes: list[ExportedVolumeView]
    domains: list[DomainView]
    repository: str | None
    image: str | None
    branch: str | None
    directory: str | None
    builder: Builder
    buildCommand: str | None
    startCommand: str | None
    releaseCommand: str | None
    healthPath: str | None
    port: int | None
    wakingPage: bool
    id: str
    name: str
    createdAt: str
    environments: list[ExportedEnvironmentView]
    configuration: list[ExportedEntryView]
    releases: list[ExportedReleaseView]
    deployments: list[ExportedDeploymentView]


class ExportedDataServiceView(TypedDict):
    id: str
    name: str
    kind: ServiceKind
    plan: str
    state: ServiceState
    error: str | None
    scalingPlan: str | None
    bindings: list[ServiceBindingView]
    maxConnections: int | None
    storageMib: int | None
    statementTimeoutSeconds: int | None
    memoryMib: int | None
    cpuMillis: int | None
    requestedAt: str
    readyAt: str | None
    rotatedAt: str | None
    storageExceededAt: str | None
    deletedAt: str | None
    purgeAt: str | None
    backupPolicy: BackupPolicyView | None
    backups: list[ServiceBackupView]


class ExportedDeploymentView(TypedDict):
    id: str
    environment: str
    cause: str
    status: str
    requestedAt: str
    finishedAt: str | None


class ExportedEntryView(TypedDict):
    """`scope`: an environment, or empty for all of them. `value`: null for a secret."""

    scope: str
    name: str
    value: str | None


class ExportedEnvironmentView(TypedDict):
    name: str
    createdAt: str
    minScale: int
    maxScale: int
    memoryMib: int
    processes: list[ProcessSizeView]
    schedules: list[ExportedScheduleView]


class ExportedQuotaView(TypedDict):
    """The limits."""

    applications: int
    memoryMib: int
    dataServices: int
    dataServicesMib: int
    volumes: int
    volumesMib: int
    backups: int
    backupsMib: int


class ExportedReleaseView(TypedDict):
    number: int
    commit: str
    image: str
    createdAt: str


class ExportedScheduleView(TypedDict):
    id: str
    cron: str
    timeZone: str
    command: str
    overlap: Overlap
    timeoutSeconds: int
    stopSeconds: int
    createdAt: str
    pausedAt: str | None


class ExportedVolumeView(TypedDict):
    id: str
    name: str
    sizeMib: int
    requestedSizeMib: int | None
    state: VolumeState
    error: str | None
    environment: str | None
    mountPath: str | None
    processes: list[str]
    usedBytes: int | None
    measuredAt: str | None
    requestedAt: str
    readyAt: str | None
    attachedAt: str | None
    deletedAt: str | None
    purgeAt: str | None
    snapshots: list[VolumeSnapshotView]


class FunctionInstancesView(TypedDict):
    """Numbers of Services by state, and all of them by name."""

    at: str
    running: int
    starting: int
    zero: int
    failed: int
    instances: int
    services: list[FunctionServiceView]


class FunctionServiceView(TypedDict):
    """`service`: the Knative Service. `functions`: that it carries; in a grouped installation all of a context. `max_scale`: null without a limit."""

    service: str
    functions: list[str]
    context: str
    summary: str
    state: FunctionState
    detail: str
    ready: int
    instances: int
    restarts: int
    oldestAt: str | None
    minScale: int
    maxScale: int | None


FunctionState: TypeAlias = "Literal['failed', 'starting', 'running', 'zero']"


class HostKeyView(TypedDict):
    host: str
    type: str
    key: str
    fingerprint: str


class InspectRepository(TypedDict):
    """The fields of a new application that its build reads."""

    repository: str
    branch: NotRequired[str | None]
    directory: NotRequired[str | None]
    builder: NotRequired[Builder | None]
    buildCommand: NotRequired[str | None]
    startCommand: NotRequired[str | None]
    releaseCommand: NotRequired[str | None]
    token: NotRequired[str | None]
    tokenUser: NotRequired[str | None]
    teamId: NotRequired[str | None]


class InspectionAccepted(TypedDict):
    id: str
    state: InspectionState
    requestedAt: str


class InspectionProblem(TypedDict):
    reason: str
    detail: str


InspectionState: TypeAlias = "Literal['running', 'succeeded', 'failed']"


class InspectionView(TypedDict):
    id: str
    teamId: str
    state: InspectionState
    repository: str
    branch: str | None
    directory: str | None
    builder: Builder
    buildCommand: str | None
    startCommand: str | None
    releaseCommand: str | None
    commit: str | None
    plan: DetectedPlanView | None
    problem: InspectionProblem | None
    requestedAt: str
    finishedAt: str | None
    expiresAt: str


InstanceState: TypeAlias = "Literal['starting', 'ready', 'crashed', 'stopping']"


class InstanceView(TypedDict):
    name: str
    state: InstanceState
    restarts: int
    createdAt: str
    release: str | None
    lastExitCode: int | None
    lastOutput: str | None


class LatestDeploymentView(TypedDict):
    id: str
    status: str
    reason: str | None
    release: int | None
    rolledBackTo: int | None
    requestedAt: str


class LimitView(TypedDict):
    limit: int
    used: int


class MaintenanceAccepted(TypedDict):
    name: str
    startedAt: str | None
    operationId: str | None


class MaintenanceEndAccepted(TypedDict):
    name: str
    startedAt: str | None
    operationId: str | None


class MaintenanceView(TypedDict):
    startedAt: str
    message: str | None
    retryAfterSeconds: int


class MetricRequest(TypedDict):
    """`target`: the value that one instance is to have. `cpu` and `memory`: percent of what an instance may use. `queue`: what waits, read in one of these ways. `variable` is the name of the variable with the server's URL. - `query`: SQL that returns a number (DATABASE_URL) - `redisList`, or `redisStream` with an optional `consumerGroup`: of a bound data service (REDIS_URL) - `rabbitmqQueue` (AMQP_URL) - `path`: of the application, which answers with JSON that has the number at `value`"""

    type: MetricType
    target: int
    query: NotRequired[str | None]
    variable: NotRequired[str | None]
    path: NotRequired[str | None]
    value: NotRequired[str | None]
    redisList: NotRequired[str | None]
    redisStream: NotRequired[str | None]
    consumerGroup: NotRequired[str | None]
    rabbitmqQueue: NotRequired[str | None]


MetricType: TypeAlias = "Literal['cpu', 'memory', 'queue']"


class MetricView(TypedDict):
    """`current`: of one instance, as the mean, in the unit of `target`; null: not measured yet, or no instance runs."""

    type: MetricType
    target: int
    current: float | None
    query: str | None
    variable: str | None
    path: str | None
    value: str | None
    redisList: str | None
    redisStream: str | None
    consumerGroup: str | None
    rabbitmqQueue: str | None


class NeededVariable(TypedDict):
    name: str
    source: str
    example: str
    isRequired: bool


class OperationView(TypedDict):
    id: str
    kind: str
    state: OperationState
    summary: str
    steps: list[OperationStepView]
    resource: str | None
    problem: OperationProblem | None
    requestedAt: str
    finishedAt: str | None
    status: str
    applicationId: str
    environment: str | None


Overlap: TypeAlias = "Literal['allow', 'forbid', 'replace']"


class PlannedCommand(TypedDict):
    name: str
    command: str


class PlannedStep(TypedDict):
    title: str
    command: str


class PlannedTool(TypedDict):
    name: str
    version: str
    source: str


class ProcessChange(TypedDict):
    """Omitted fields keep their value. `instances` fixes the number; `autoscaling` lets metrics decide it, within a range."""

    instances: NotRequired[int | None]
    autoscaling: NotRequired[AutoscalingRequest | None]
    memoryMib: NotRequired[int | None]
    cpuMillis: NotRequired[int | None]
    stopSeconds: NotRequired[int | None]


class ProcessScaleAccepted(TypedDict):
    environment: str
    processes: list[ProcessSizeView]
    operationId: str


class ProcessSizeView(TypedDict):
    """`instances`: that are to run, or with `autoscaling` that an autoscaler last asked for. `stopSeconds`: between SIGTERM and SIGKILL."""

    name: str
    instances: int
    memoryMib: int
    cpuMillis: int
    stopSeconds: int
    autoscaling: AutoscalingView | None


class ProcessView(TypedDict):
    """A process type beside `web`. `command`: null if the release that serves does not name it."""

    name: str
    instances: int
    memoryMib: int
    cpuMillis: int
    stopSeconds: int
    autoscaling: AutoscalingView | None
    command: str | None
    running: list[InstanceView]


PromoteBody = TypedDict(
    "PromoteBody",
    {
        "from": "str",
        "to": "str",
        "release": "NotRequired[int | None]",
    },
)


Proof: TypeAlias = "Literal['cname', 'txt']"


class ProtectEnvironmentBody(TypedDict):
    isProtected: bool


class QuotaView(TypedDict):
    plan: str
    standing: StandingView
    applications: LimitView
    memoryMib: LimitView
    dataServices: LimitView
    dataServicesMib: LimitView
    volumes: LimitView
    volumesMib: LimitView
    backups: LimitView
    backupsMib: LimitView


class ReleaseSummaryPage(TypedDict):
    items: list[ReleaseSummaryView]
    next: NotRequired[str | None]


class ReleaseSummaryView(TypedDict):
    number: int
    commit: str
    image: str
    kind: str
    configVersion: int
    createdAt: str
    servesIn: list[str]


class ReleaseView(TypedDict):
    id: str
    number: int
    commit: str
    image: str
    kind: str
    configVersion: int
    releaseCommand: str | None
    manifest: dict[str, Any]
    createdAt: str


class ReleasedConfigurationView(TypedDict):
    """How the newest configuration differs from the one of the release that serves: after a rollback, or a change that was not deployed."""

    release: int
    version: int
    added: list[str]
    changed: list[str]
    removed: list[str]
    differences: NotRequired[list[ConfigurationDifferenceView]]


class RenameApplicationBody(TypedDict):
    name: str


class RepositoryAccessView(TypedDict):
    id: str
    repository: str | None
    deployKey: DeployKeyView | None
    token: RepositoryTokenView | None
    hostKeys: list[HostKeyView]


class RepositoryTokenView(TypedDict):
    server: str
    user: str
    setAt: str


class ResizeVolumeBody(TypedDict):
    sizeMib: int


class RestoreDataServiceBody(TypedDict):
    backupId: str
    into: NotRequired[str | None]


RestoreState: TypeAlias = "Literal['waiting', 'running', 'complete', 'failed']"


class RestoreVolumeBody(TypedDict):
    snapshotId: str
    into: NotRequired[str | None]


Restriction: TypeAlias = "Literal['subscription-suspended', 'usage-exhausted', 'over-quota']"


class RollBackBody(TypedDict):
    release: NotRequired[int | None]


class RotationAccepted(TypedDict):
    id: str
    operationId: str
    name: str
    environments: list[str]


class RunAccepted(TypedDict):
    id: str
    operationId: str
    environment: str
    release: int
    status: RunStatus
    requestedAt: str


class RunCancellationAccepted(TypedDict):
    id: str
    operationId: str
    status: RunStatus


class RunPage(TypedDict):
    items: list[RunView]
    next: NotRequired[str | None]


RunStatus: TypeAlias = "Literal['running', 'succeeded', 'failed', 'cancelled']"


RunStreams: TypeAlias = "Literal['logged', 'pipes', 'terminal']"


class RunView(TypedDict):
    id: str
    environment: str
    command: str
    status: RunStatus
    exitCode: int | None
    detail: str | None
    requestedAt: str
    finishedAt: str | None
    streams: RunStreams
    attachedAt: str | None
    scheduleId: str | None
    scheduledAt: str | None
    logId: str


class RunningEnvironmentPage(TypedDict):
    items: list[RunningEnvironmentView]
    next: NotRequired[str | None]


class RunningEnvironmentView(TypedDict):
    name: str
    release: int | None
    stoppedAt: str | None
    pausedAt: str | None
    pauseReason: str | None
    minScale: int
    maxScale: int
    memoryMib: int
    cpuMillis: int
    scaleMetric: WebMetric
    scaleTarget: int | None
    scaleWindowSeconds: int | None
    scaleDownDelaySeconds: int
    initialScale: int
    instances: list[InstanceView]
    processes: list[ProcessView]


class ScaleAccepted(TypedDict):
    name: str
    minScale: int
    maxScale: int
    memoryMib: int
    cpuMillis: int
    scaleMetric: WebMetric
    scaleTarget: int | None
    scaleWindowSeconds: int | None
    scaleDownDelaySeconds: int
    initialScale: int
    observationSeconds: int | None
    deployment: DeploymentAccepted | None
    operationId: str | None


class ScaleDataServiceBody(TypedDict):
    plan: str


class ScaleEnvironmentBody(TypedDict):
    minScale: NotRequired[int | None]
    maxScale: NotRequired[int | None]
    memoryMib: NotRequired[int | None]
    cpuMillis: NotRequired[int | None]
    scaleMetric: NotRequired[WebMetric | None]
    scaleTarget: NotRequired[int | None]
    scaleWindowSeconds: NotRequired[int | None]
    scaleDownDelaySeconds: NotRequired[int | None]
    initialScale: NotRequired[int | None]
    observationSeconds: NotRequired[int | None]


class ScaleProcessesBody(TypedDict):
    processes: dict[str, ProcessChange]


class ScalingAccepted(TypedDict):
    id: str
    operationId: str
    name: str
    plan: str
    formerPlan: str


class ScalingView(TypedDict):
    """The last change. `value`: of a queue what waits in all, else the mean percent of the instances; null: not known."""

    at: str
    formerInstances: int
    instances: int
    metric: str | None
    value: float | None
    target: int | None


class ScheduleAccepted(TypedDict):
    """`operationId`: until the cluster has the change."""

    id: str
    environment: str
    cron: str
    timeZone: str
    command: str
    overlap: Overlap
    timeoutSeconds: int
    stopSeconds: int
    createdAt: str
    pausedAt: str | None
    nextAt: str | None
    lastRun: RunView | None
    operationId: str


class ScheduleDeletionAccepted(TypedDict):
    id: str
    operationId: str


class SchedulePage(TypedDict):
    items: list[ScheduleView]
    next: NotRequired[str | None]


class ScheduleView(TypedDict):
    id: str
    environment: str
    cron: str
    timeZone: str
    command: str
    overlap: Overlap
    timeoutSeconds: int
    stopSeconds: int
    createdAt: str
    pausedAt: str | None
    nextAt: str | None
    lastRun: RunView | None


class ScheduledRunAccepted(TypedDict):
    id: str
    environment: str
    command: str
    status: RunStatus
    exitCode: int | None
    detail: str | None
    requestedAt: str
    finishedAt: str | None
    streams: RunStreams
    attachedAt: str | None
    scheduleId: str | None
    scheduledAt: str | None
    logId: str
    operationId: str


class ServiceBackupPage(TypedDict):
    items: list[ServiceBackupView]
    next: NotRequired[str | None]


class ServiceBackupPolicyView(TypedDict):
    schedule: str | None
    keepCount: int
    keepDays: int
    nextAt: str | None
    restores: list[ServiceRestoreView]


class ServiceBackupView(TypedDict):
    id: str
    serviceId: str
    trigger: BackupTrigger
    state: BackupState
    requestedAt: str
    finishedAt: str | None
    sizeBytes: int
    storedBytes: int
    error: str | None
    verifiedAt: str | None
    verificationError: str | None


class ServiceBindingView(TypedDict):
    environment: str
    variable: str
    boundAt: str


ServiceKind: TypeAlias = "Literal['postgres', 'redis', 'external']"


class ServiceRestoreView(TypedDict):
    id: str
    backupId: str
    serviceId: str
    state: RestoreState
    safetyBackupId: str | None
    requestedAt: str
    finishedAt: str | None
    error: str | None


ServiceState: TypeAlias = "Literal['creating', 'ready', 'failed', 'deleted', 'purging', 'purged']"


class ServiceTunnelView(TypedDict):
    id: str
    url: str
    ticket: str
    kind: ServiceKind
    user: str
    password: str
    database: str
    maxConnections: int
    acceptsUntil: str
    endsAt: str


class SetBackupPolicyBody(TypedDict):
    schedule: str | None
    keepCount: NotRequired[int]
    keepDays: NotRequired[int]


class SetDomainCertificateBody(TypedDict):
    certificate: str
    key: str


class SetHostKeysBody(TypedDict):
    hostKeys: list[str]


class SetRepositoryTokenBody(TypedDict):
    token: str
    user: NotRequired[str | None]


class SlowStatementView(TypedDict):
    text: str
    calls: int
    meanMilliseconds: float
    maxMilliseconds: float


SnapshotState: TypeAlias = "Literal['creating', 'ready', 'failed', 'deleting']"


class StandingView(TypedDict):
    """`restricted`: nothing new starts, and what runs goes on until `pauses_at`. `paused`: it is scaled to zero. `restriction`: why, in one word; `detail`: in a sentence."""

    status: Status
    restriction: Restriction | None
    detail: str
    restrictedAt: str | None
    pausesAt: str | None


class StartMaintenanceBody(TypedDict):
    message: NotRequired[str | None]
    retryAfterSeconds: NotRequired[int]


class StartRunBody(TypedDict):
    command: str
    streams: NotRequired[RunStreams]
    stopSeconds: NotRequired[int]


Status: TypeAlias = "Literal['good', 'restricted', 'paused']"


class TransferApplicationBody(TypedDict):
    teamId: NotRequired[str | None]


class TransferredApplicationView(TypedDict):
    repository: str | None
    image: str | None
    branch: str | None
    directory: str | None
    builder: Builder
    buildCommand: str | None
    startCommand: str | None
    releaseCommand: str | None
    healthPath: str | None
    port: int | None
    wakingPage: bool
    id: str
    name: str
    teamId: str


class UsedDataServiceView(TypedDict):
    id: str
    name: str
    kind: ServiceKind
    plan: str
    state: ServiceState
    error: str | None
    scalingPlan: str | None
    bindings: list[ServiceBindingView]
    maxConnections: int | None
    storageMib: int | None
    statementTimeoutSeconds: int | None
    memoryMib: int | None
    cpuMillis: int | None
    requestedAt: str
    readyAt: str | None
    rotatedAt: str | None
    storageExceededAt: str | None
    deletedAt: str | None
    purgeAt: str | None
    storageUsedMib: int | None
    connections: int | None


class VolumeAccepted(TypedDict):
    id: str
    name: str
    sizeMib: int
    requestedSizeMib: int | None
    state: VolumeState
    error: str | None
    environment: str | None
    mountPath: str | None
    processes: list[str]
    usedBytes: int | None
    measuredAt: str | None
    requestedAt: str
    readyAt: str | None
    attachedAt: str | None
    deletedAt: str | None
    purgeAt: str | None
    operationId: str


class VolumePage(TypedDict):
    items: list[VolumeView]
    next: NotRequired[str | None]


class VolumeSnapshotAccepted(TypedDict):
    id: str
    volumeId: str
    state: SnapshotState
    error: str | None
    sizeMib: int
    requestedAt: str
    readyAt: str | None
    operationId: str


class VolumeSnapshotPage(TypedDict):
    items: list[VolumeSnapshotView]
    next: NotRequired[str | None]


class VolumeSnapshotView(TypedDict):
    id: str
    volumeId: str
    state: SnapshotState
    error: str | None
    sizeMib: int
    requestedAt: str
    readyAt: str | None


VolumeState: TypeAlias = "Literal['creating', 'ready', 'failed', 'deleted', 'purging', 'purged']"


class VolumeView(TypedDict):
    id: str
    name: str
    sizeMib: int
    requestedSizeMib: int | None
    state: VolumeState
    error: str | None
    environment: str | None
    mountPath: str | None
    processes: list[str]
    usedBytes: int | None
    measuredAt: str | None
    requestedAt: str
    readyAt: str | None
    attachedAt: str | None
    deletedAt: str | None
    purgeAt: str | None


WebMetric: TypeAlias = "Literal['concurrency', 'rps', 'cpu', 'memory']"
