"""Read requests, latency, CPU, memory and disk over time."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.kernel import Clock, LaterThan, Model, Permission, Permit, Text, Timestamp, query
from functions.monitor.domain.disk import DiskUsage
from functions.monitor.domain.markers import Marker
from functions.monitor.domain.metrics import HOUR, Point, Range, points, total
from functions.monitor.domain.rejections import ApplicationNotFound, BadRange, EnvironmentNotFound
from functions.monitor.domain.requests import Tally
from functions.monitor.domain.resources import ResourceTally
from functions.monitor.ports import Applications, Collection, DiskUsages, Markers, Requests, Resources
from functions.monitor.services.access_control import AccessControl
from functions.monitor.services.environments import check_environment


class ReadMetrics(Model):
    """Without `from` and `to`: the last hour. `step` in seconds. Steps below a minute reach back three days, below an hour thirty, others a year."""

    application_id: UUID
    environment: Text | None = None
    from_: Timestamp | None = Field(default=None, alias="from")
    to: Annotated[Timestamp | None, LaterThan("from_")] = None
    step: int = Field(default=60, ge=1, le=86_400)


class MetricsPoint(Model):
    """Requests whose window began within the step that begins at `at`. `error_rate`: answers of 5xx among all. Latencies are of the requests of all
    instances together, within 2.2 %. Memory is that of one instance; it is null where none ran."""

    at: datetime
    requests: int
    by_status: dict[str, int]
    error_rate: float | None
    mean_latency_ms: float | None
    p50_latency_ms: float | None
    p95_latency_ms: float | None
    p99_latency_ms: float | None
    cpu_milliseconds: int
    memory_max_bytes: int | None
    memory_mean_bytes: int | None


class EnvironmentMetrics(Model):
    environment: str
    total: MetricsPoint
    points: list[MetricsPoint]


class DeploymentMarker(Model):
    """`kind`: deployment-succeeded, deployment-failed or deployment-rolled-back."""

    at: datetime
    kind: str
    environment: str
    deployment_id: UUID
    release_id: UUID | None
    reason: str


class DiskView(Model):
    """Bytes on the machine's disk, as measured last. `instances_bytes`: of the environment that was asked for, else of all. Null: not measured."""

    images: int
    images_bytes: int
    cache_bytes: int | None
    instances_bytes: int | None
    measured_at: datetime


class MetricsView(Model):
    """`environments` has what `total` and `points` sum up. `disk` is null where nothing measures it, as on a cluster."""

    from_: datetime = Field(alias="from")
    to: datetime
    measured_until: datetime | None = Field(description="The end of the newest measurement; later traffic is not counted yet. Null: none.")
    not_measured_since: datetime | None = Field(description="Since when nothing is measured in the whole installation. Null: it is measured.")
    step: int
    total: MetricsPoint
    points: list[MetricsPoint]
    environments: list[EnvironmentMetrics]
    markers: list[DeploymentMarker]
    disk: DiskView | None


@query(http="GET /v1/apps/{application_id}/metrics", permission=Permission.LOGS_READ, rejects=[ApplicationNotFound, EnvironmentNotFound, BadRange])
async def metrics(
    request: ReadMetrics,
    control: AccessControl,
    permit: Permit,
    applications: Applications,
    requests: Requests,
    resources: Resources,
    markers: Markers,
    disks: DiskUsages,
    collection: Collection,
    clock: Clock,
) -> MetricsView:
    application = await applications.get(await control.to_application(permit, request.application_id))
    await check_environment(applications, application, request.environment)

    end = (request.to or clock.now()).astimezone(UTC)
    over = Range.covering((request.from_ or end - HOUR).astimezone(UTC), end, timedelta(seconds=request.step))
    tallies = await requests.tallies(application.id, request.environment, over)
    used = await resources.tallies(application.id, request.environment, over)
    marked = await markers.between(application.id, request.environment, over.begin, end)
    measured = [await each.measured_until(application.id, request.environment) for each in (requests, resources)]
    return MetricsView(
        from_=over.begin,
        to=end,
        measured_until=max(filter(None, measured), default=None),
        not_measured_since=await collection.missing_since(),
        step=request.step,
        total=_point_view(total(over.begin, tallies, used)),
        points=[_point_view(point) for point in points(over, tallies, used)],
        environments=_by_environment(over, tallies, used),
        markers=[_marker_view(marker) for marker in marked],
        disk=_disk(await disks.of(application.id), request.environment),
    )


def _disk(usage: DiskUsage | None, environment: str | None) -> DiskView | None:
    if usage is None:
        return None
    return DiskView(
        images=usage.images,
        images_bytes=usage.image_bytes,
        cache_bytes=usage.cache_bytes,
        instances_bytes=usage.instances(environment),
        measured_at=usage.measured_at,
    )


def _by_environment(over: Range, tallies: Sequence[Tally], used: Sequence[ResourceTally]) -> list[EnvironmentMetrics]:
    views = []
    for environment in sorted({tally.environment for tally in tallies} | {tally.environment for tally in used}):
        counted = [tally for tally in tallies if tally.environment == environment]
        measured = [tally for tally in used if tally.environment == environment]
        each = [_point_view(point) for point in points(over, counted, measured)]
        views.append(EnvironmentMetrics(environment=environment, total=_point_view(total(over.begin, counted, measured)), points=each))
    return views


def _point_view(point: Point) -> MetricsPoint:
    return MetricsPoint(
        at=point.at,
        requests=point.requests,
        by_status={f"{status_class}xx": requests for status_class, requests in sorted(point.by_class.items())},
        error_rate=point.error_rate,
        mean_latency_ms=_rounded(point.mean_ms),
        p50_latency_ms=_rounded(point.latency_ms(0.5)),
        p95_latency_ms=_rounded(point.latency_ms(0.95)),
        p99_latency_ms=_rounded(point.latency_ms(0.99)),
        cpu_milliseconds=round(point.cpu_ms),
        memory_max_bytes=point.memory_max,
        memory_mean_bytes=None if point.memory_mean is None else round(point.memory_mean),
    )


def _rounded(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, 3)


def _marker_view(marker: Marker) -> DeploymentMarker:
    return DeploymentMarker(
        at=marker.at,
        kind=marker.kind,
        environment=marker.environment,
        deployment_id=marker.deployment_id,
        release_id=marker.release_id,
        reason=marker.reason,
    )
