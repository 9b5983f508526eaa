"""Read executions, CPU and memory of functions (admin)."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import Field

from functions.kernel import ADMIN, Clock, LaterThan, Model, Scale, Timestamp, query
from functions.monitor.domain.functions import FunctionTally
from functions.monitor.domain.labels import PLATFORM_ID
from functions.monitor.domain.metrics import HOUR, MINUTE, Range
from functions.monitor.domain.rejections import BadRange
from functions.monitor.ports import DeadLetters, Executions, Resources

LONGEST = timedelta(days=7)


class ReadFunctionMetrics(Model):
    """Without `from` and `to`: the last hour; a week at most."""

    context: str | None = Field(default=None, max_length=50)
    from_: Timestamp | None = Field(default=None, alias="from")
    to: Annotated[Timestamp | None, LaterThan("from_")] = None


class FunctionMetricsView(Model):
    """`executions` are those in the journal: queries that simply succeed are not in it. CPU is None where the function is grouped with others or
    did not run; memory is the most that one of its pods had. `dead_letters` wait for an operator, `dead_letters_max` is the most that did within the
    range; a function that has only those is there, too."""

    function: str
    kind: str
    executions: int
    failed: int
    retried: int
    rejected: int
    cold_starts: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_milliseconds: int | None
    memory_max_bytes: int | None
    dead_letters: int
    dead_letters_max: int
    oldest_dead_letter_at: datetime | None


class FunctionMetricsPage(Model):
    from_: datetime = Field(alias="from")
    to: datetime
    functions: list[FunctionMetricsView]


@query(http="GET /v1/functions/metrics", allow=ADMIN, rejects=[BadRange], scale=Scale(max=2, pool=2))
async def function_metrics(
    request: ReadFunctionMetrics, executions: Executions, resources: Resources, letters: DeadLetters, clock: Clock
) -> FunctionMetricsPage:
    end = (request.to or clock.now()).astimezone(UTC)
    begin = (request.from_ or end - HOUR).astimezone(UTC)
    if end - begin > LONGEST:
        raise BadRange("a week at most")
    over = Range.covering(begin, end, HOUR if end - begin > 24 * HOUR else MINUTE)

    done = await executions.by_function(over.begin, end)
    used = await resources.by_service(PLATFORM_ID, over)
    dead = await letters.by_function(over.begin, end)
    done = [*done, *(FunctionTally.idle(name) for name in sorted(dead.keys() - {tally.name for tally in done}))]
    return FunctionMetricsPage(
        from_=over.begin,
        to=end,
        functions=[
            FunctionMetricsView(
                function=tally.name,
                kind=tally.kind,
                executions=tally.executions,
                failed=tally.failed,
                retried=tally.retried,
                rejected=tally.rejected,
                cold_starts=tally.cold,
                p50_ms=round(tally.p50_ms, 2),
                p95_ms=round(tally.p95_ms, 2),
                p99_ms=round(tally.p99_ms, 2),
                cpu_milliseconds=round(use.cpu_ms) if (use := used.get(tally.service)) else None,
                memory_max_bytes=use.memory_max if use else None,
                dead_letters=wait.last if (wait := dead.get(tally.name)) else 0,
                dead_letters_max=wait.most if wait else 0,
                oldest_dead_letter_at=wait.oldest_at if wait else None,
            )
            for tally in done
            if request.context in (None, tally.context)
        ],
    )
