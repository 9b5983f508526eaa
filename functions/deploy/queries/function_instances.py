"""List the instances of the platform's functions (admin).

Read from the cluster at each request, on one machine as on any other: no function is started by looking.
"""

from datetime import datetime

from functions.deploy.domain.function_instances import FunctionService, FunctionState
from functions.deploy.ports import FunctionServices
from functions.kernel import ADMIN, Clock, Model, Scale, Work, query


class ListFunctionInstances(Model):
    pass


class FunctionServiceView(Model):
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
    oldest_at: datetime | None
    min_scale: int
    max_scale: int | None


class FunctionInstancesView(Model):
    """Numbers of Services by state, and all of them by name."""

    at: datetime
    running: int
    starting: int
    zero: int
    failed: int
    instances: int
    services: list[FunctionServiceView]


@query(http="GET /v1/functions/instances", allow=ADMIN, scale=Scale(max=2, pool=1))
async def function_instances(request: ListFunctionInstances, services: FunctionServices, clock: Clock, work: Work) -> FunctionInstancesView:
    found = await services.list_functions()
    numbers = {state: sum(each.state is state for each in found) for state in FunctionState}
    return FunctionInstancesView(
        at=clock.now(),
        running=numbers[FunctionState.RUNNING],
        starting=numbers[FunctionState.STARTING],
        zero=numbers[FunctionState.ZERO],
        failed=numbers[FunctionState.FAILED],
        instances=sum(len(each.instances) for each in found),
        services=[_view(each) for each in found],
    )


def _view(service: FunctionService) -> FunctionServiceView:
    return FunctionServiceView(
        service=service.name,
        functions=list(service.functions),
        context=service.context,
        summary=service.summary,
        state=service.state,
        detail=service.detail,
        ready=service.ready,
        instances=len(service.instances),
        restarts=service.restarts,
        oldest_at=service.oldest_at,
        min_scale=service.min_scale,
        max_scale=service.max_scale,
    )
