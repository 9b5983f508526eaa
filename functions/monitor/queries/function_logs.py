"""Read log lines of a platform function (admin)."""

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from functions.kernel import ADMIN, FormerVersion, LaterThan, Model, Payload, Position, Scale, Timestamp, query, upcasts
from functions.monitor.domain.labels import PLATFORM_ID
from functions.monitor.domain.logs import LogFilter, first_within, last_within
from functions.monitor.domain.rejections import BadSearch
from functions.monitor.domain.search import Terms, conditions
from functions.monitor.ports import Logs


class FunctionLogSelection(Model):
    """Without `after`: the newest lines. `function` like `auth.register`, or the name of a Service. `search` and `where` as for applications."""

    function: str | None = Field(default=None, max_length=100)
    after: Position | None = None
    limit: int = Field(default=200, ge=1, le=1000)
    search: str | None = Field(default=None, min_length=1, max_length=200)
    from_: Timestamp | None = Field(default=None, alias="from")
    to: Annotated[Timestamp | None, LaterThan("from_")] = None


class ReadFunctionLogs(FunctionLogSelection):
    where: str | None = Field(default=None, min_length=1, max_length=500)


class ReadFunctionLogsV1(FunctionLogSelection):
    """`fields` is `where` today: as everywhere, `fields` selects fields of the response."""

    fields: str | None = Field(default=None, min_length=1, max_length=500)


class FunctionLine(Model):
    at: datetime
    service: str
    pod: str
    stream: str
    line: str


class FunctionLogsView(Model):
    lines: list[FunctionLine]
    cursor: str


@upcasts("monitor.function_logs", from_=1)
def rename_fields(payload: Payload) -> Payload:
    return {"where" if name == "fields" else name: value for name, value in payload.items()}


@query(
    http="GET /v2/functions/logs",
    version=2,
    former=[FormerVersion("GET /v1/functions/logs", date(2026, 12, 1), date(2027, 12, 1), request=ReadFunctionLogsV1)],
    allow=ADMIN,
    rejects=[BadSearch],
    scale=Scale(max=2, pool=2),
)
async def function_logs(request: ReadFunctionLogs, logs: Logs) -> FunctionLogsView:
    filter = LogFilter(
        PLATFORM_ID,
        service=request.function.replace(".", "-").replace("_", "-") if request.function else None,
        terms=Terms.read(request.search or ""),
        fields=conditions(request.where or ""),
        since=request.from_,
        until=request.to,
    )
    if request.after is None:
        found = last_within(await logs.last(filter, request.limit))
    else:
        found = first_within(await logs.following(filter, int(request.after), request.limit))
    return FunctionLogsView(
        lines=[FunctionLine(at=line.at, service=line.service, pod=line.pod, stream=line.stream, line=line.line) for line in found],
        cursor=str(found[-1].position) if found else request.after or "0",
    )
