"""List RabbitMQ's queues, messages and consumers (admin)."""

from datetime import datetime

from functions.kernel import ADMIN, Clock, Model, Scale, Work, query
from functions.monitor.domain.queues import Queue, QueueKind
from functions.monitor.domain.rejections import QueuesUnavailable
from functions.monitor.ports import Queues


class ListQueues(Model):
    pass


class QueueView(Model):
    """`service`: that the messages are for; null for queues of no function. `ready`: messages that no consumer has. `unacknowledged`: that one has
    and has not finished. `is_stuck`: messages wait, and nothing takes them."""

    name: str
    kind: QueueKind
    service: str | None
    ready: int
    unacknowledged: int
    consumers: int
    state: str
    is_stuck: bool


class QueuesView(Model):
    """Sums are those of queues of functions. `delayed`: retries and reminders that are not due. Those with messages first."""

    at: datetime
    ready: int
    unacknowledged: int
    consumers: int
    stuck: int
    delayed: int
    queues: list[QueueView]


@query(http="GET /v1/queues", allow=ADMIN, rejects=[QueuesUnavailable], scale=Scale(max=2, pool=1))
async def queues(request: ListQueues, queues: Queues, clock: Clock, work: Work) -> QueuesView:
    found = await queues.list_all()
    of_functions = [each for each in found if each.kind is QueueKind.FUNCTION]
    return QueuesView(
        at=clock.now(),
        ready=sum(each.ready for each in of_functions),
        unacknowledged=sum(each.unacknowledged for each in of_functions),
        consumers=sum(each.consumers for each in of_functions),
        stuck=sum(each.is_stuck for each in found),
        delayed=sum(each.ready for each in found if each.kind is QueueKind.DELAY),
        queues=[_view(each) for each in found],
    )


def _view(queue: Queue) -> QueueView:
    return QueueView(
        name=queue.name,
        kind=queue.kind,
        service=queue.service,
        ready=queue.ready,
        unacknowledged=queue.unacknowledged,
        consumers=queue.consumers,
        state=queue.state,
        is_stuck=queue.is_stuck,
    )
