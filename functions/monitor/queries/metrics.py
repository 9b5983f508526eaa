"""How many requests an application answered, how, and how fast: over a range, in equal steps."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from pydantic import AwareDatetime, Field

from functions.kernel import Caller, Clock, Model, query
from functions.monitor.domain.rejections import ApplicationNotFound, BadRange
from functions.monitor.domain.requests import Point, Range, points, summed
from functions.monitor.ports import Applications, Requests

HOUR = timedelta(hours=1)


class ReadMetrics(Model):
    """Without `from` and `to`: the last hour. `step` in seconds."""

    application_id: UUID
    environment: str | None = None
    from_: AwareDatetime | None = Field(default=None, alias="from")
    to: AwareDatetime | None = None
    step: int = Field(default=60, ge=1, le=86_400)


class MetricsPoint(Model):
    """Requests whose window began within the step that begins at `at`."""

    at: datetime
    requests: int
    by_status: dict[str, int]
    mean_latency_ms: float | None


class MetricsView(Model):
    from_: datetime = Field(alias="from")
    to: datetime
    step: int
    total: MetricsPoint
    points: list[MetricsPoint]


@query(http="GET /v1/apps/{application_id}/metrics", rejects=[ApplicationNotFound, BadRange])
async def metrics(asked: ReadMetrics, caller: Caller, applications: Applications, requests: Requests, clock: Clock) -> MetricsView:
    application = await applications.get(asked.application_id)
    if application is None or not application.readable_by(caller):
        raise ApplicationNotFound

    end = (asked.to or clock.now()).astimezone(UTC)
    begin = (asked.from_ or end - HOUR).astimezone(UTC)
    over = Range(begin, end, timedelta(seconds=asked.step))
    tallies = await requests.tallies(application.id, asked.environment, over)
    return MetricsView(
        from_=begin,
        to=end,
        step=asked.step,
        total=_shown(summed(begin, tallies)),
        points=[_shown(point) for point in points(over, tallies)],
    )


def _shown(point: Point) -> MetricsPoint:
    by_status = {f"{status_class}xx": requests for status_class, requests in sorted(point.by_class.items())}
    return MetricsPoint(at=point.at, requests=point.requests, by_status=by_status, mean_latency_ms=point.mean_ms)
