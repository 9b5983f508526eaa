"""Read what one request caused: events and functions."""

from datetime import datetime

from pydantic import Field

from functions.kernel import OWN_ACCOUNT, Caller, Model, query
from functions.monitor.domain.rejections import TimelineNotFound
from functions.monitor.domain.timeline import TimelineNode, arrange, visible
from functions.monitor.ports import Executions

MAX_EXECUTIONS = 2000


class ShowTimeline(Model):
    correlation_id: str = Field(min_length=1, max_length=200)


class TimelineCause(Model):
    name: str
    message_id: str | None


class TimelineEntry(Model):
    """`kind`: request, command, query, event, effect or schedule. `depth`: how many causes lie before it."""

    at: datetime
    duration_ms: float
    kind: str
    name: str
    context: str
    message_id: str | None
    type: str | None
    outcome: str
    detail: str
    attempt: int
    cold: bool
    emitted: list[str]
    caused_by: TimelineCause | None
    depth: int


class TimelineView(Model):
    correlation_id: str
    trace_id: str | None
    begin: datetime
    end: datetime
    entries: list[TimelineEntry]


@query(http="GET /v1/timeline/{correlation_id}", allow=OWN_ACCOUNT, rejects=[TimelineNotFound], allows_service_accounts=True)
async def timeline(request: ShowTimeline, caller: Caller, executions: Executions) -> TimelineView:
    nodes = visible(arrange(await executions.of(request.correlation_id, MAX_EXECUTIONS)), caller)
    if not nodes:
        raise TimelineNotFound(f'No timeline for request "{request.correlation_id}". New requests appear after a few seconds.')

    done = [node.execution for node in nodes]
    return TimelineView(
        correlation_id=request.correlation_id,
        trace_id=next((execution.trace for execution in done if execution.trace), None),
        begin=min(execution.at for execution in done),
        end=max(execution.end for execution in done),
        entries=[_entry(node) for node in nodes],
    )


def _entry(node: TimelineNode) -> TimelineEntry:
    execution, cause = node.execution, node.cause
    return TimelineEntry(
        at=execution.at,
        duration_ms=execution.duration_ms,
        kind=execution.kind,
        name=execution.name,
        context=execution.context,
        message_id=execution.message,
        type=execution.type,
        outcome=execution.outcome,
        detail=execution.detail,
        attempt=execution.attempt,
        cold=execution.cold,
        emitted=[emitted.rpartition(":")[0] for emitted in execution.emitted],
        caused_by=TimelineCause(name=cause.name, message_id=cause.message) if cause else None,
        depth=node.depth,
    )
