"""Read log lines of a platform function (admin)."""

from datetime import datetime

from pydantic import Field

from functions.kernel import ADMIN, Model, Scale, Timestamp, query
from functions.monitor.domain.labels import PLATFORM_ID
from functions.monitor.domain.logs import LogFilter, first_within, last_within
from functions.monitor.domain.rejections import BadSearch
from functions.monitor.domain.search import Terms, conditions
from functions.monitor.ports import Logs


class ReadFunctionLogs(Model):
    """Without `after`: the newest lines. `function` like `auth.register`, or the name of a Service. `search` and `fields` as for applications."""

    function: str | None = Field(default=None, max_length=100)
    after: str | None = Field(default=None, pattern=r"^\d{1,18}$")
    limit: int = Field(default=200, ge=1, le=1000)
    search: str | None = Field(default=None, min_length=1, max_length=200)
    fields: str | None = Field(default=None, min_length=1, max_length=500)
    from_: Timestamp | None = Field(default=None, alias="from")
    to: Timestamp | None = None


class FunctionLine(Model):
    at: datetime
    service: str
    pod: str
    stream: str
    line: str


class FunctionLogsView(Model):
    lines: list[FunctionLine]
    cursor: str


@query(http="GET /v1/functions/logs", allow=ADMIN, rejects=[BadSearch], scale=Scale(max=2, pool=2))
async def function_logs(request: ReadFunctionLogs, logs: Logs) -> FunctionLogsView:
    filter = LogFilter(
        PLATFORM_ID,
        service=request.function.replace(".", "-").replace("_", "-") if request.function else None,
        terms=Terms.read(request.search or ""),
        fields=conditions(request.fields or ""),
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
