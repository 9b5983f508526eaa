"""Read log lines of builds and instances, oldest first."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from functions.kernel import FormerVersion, LaterThan, Model, Payload, Permission, Permit, Position, Text, Timestamp, query, upcasts
from functions.monitor.domain.logs import LogFilter, first_within, last_within
from functions.monitor.domain.rejections import ApplicationNotFound, BadSearch, EnvironmentNotFound
from functions.monitor.domain.search import Terms, conditions
from functions.monitor.ports import Applications
from functions.monitor.ports import Logs as LogStore
from functions.monitor.services.access_control import AccessControl
from functions.monitor.services.environments import check_environment

DEPRECATED_ON, SUNSET_ON = date(2026, 12, 1), date(2027, 12, 1)
CONDITIONS = "Conditions on lines that are JSON: `level=error,http.status!=200`."


class LogSelection(Model):
    """Without `after`: the newest lines. `after=0`: from the first that is kept."""

    application_id: UUID
    environment: Text | None = None
    deployment: UUID | None = Field(default=None, description="Id of a deployment, or of a one-off command.")
    component: Literal["build", "run"] | None = None
    process: Text | None = Field(default=None, description="Process type: `web`, `worker` …; `release`, `run` or `cron`.")
    after: Position | None = None
    limit: int = Field(default=200, ge=1, le=1000)
    search: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description='Texts that all occur in the line, in upper or lower case; `"a phrase"`, `-not this`.',
    )
    from_: Timestamp | None = Field(default=None, alias="from")
    to: Annotated[Timestamp | None, LaterThan("from_")] = None


class ReadLogs(LogSelection):
    where: str | None = Field(default=None, min_length=1, max_length=500, description=CONDITIONS)


class ReadLogsV1(LogSelection):
    """`fields` is `where` today: as everywhere, `fields` selects fields of the response."""

    fields: str | None = Field(default=None, min_length=1, max_length=500, description=CONDITIONS)


class LogLineView(Model):
    at: datetime
    environment: str
    deployment_id: UUID | None
    component: str
    process: str
    """`web`, `worker` …; `build`, `release`, `run` or `cron`; empty for lines of former versions."""
    pod: str
    stream: str
    line: str


class LogsView(Model):
    """`cursor` is what to give as `after` to read on. Lines come in the order in which they were taken in."""

    lines: list[LogLineView]
    cursor: str


@upcasts("monitor.logs", from_=1)
def rename_fields(payload: Payload) -> Payload:
    return {"where" if name == "fields" else name: value for name, value in payload.items()}


@query(
    http="GET /v2/apps/{application_id}/logs",
    version=2,
    former=[FormerVersion("GET /v1/apps/{application_id}/logs", DEPRECATED_ON, SUNSET_ON, request=ReadLogsV1)],
    permission=Permission.LOGS_READ,
    rejects=[ApplicationNotFound, EnvironmentNotFound, BadSearch],
)
async def logs(request: ReadLogs, control: AccessControl, permit: Permit, applications: Applications, logs: LogStore) -> LogsView:
    application = await applications.get(await control.to_application(permit, request.application_id))
    await check_environment(applications, application, request.environment)

    filter = LogFilter(
        application.id,
        request.environment,
        request.deployment,
        request.component,
        terms=Terms.read(request.search or ""),
        fields=conditions(request.where or ""),
        since=request.from_,
        until=request.to,
        process=request.process,
    )
    if request.after is None:
        found = last_within(await logs.last(filter, request.limit))
    else:
        found = first_within(await logs.following(filter, int(request.after), request.limit))
    return LogsView(
        lines=[
            LogLineView(
                at=line.at,
                environment=line.environment,
                deployment_id=line.deployment_id,
                component=line.component,
                process=line.process,
                pod=line.pod,
                stream=line.stream,
                line=line.line,
            )
            for line in found
        ],
        cursor=str(found[-1].position) if found else request.after or "0",
    )
