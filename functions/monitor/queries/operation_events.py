"""Stream the progress of an operation of monitor.

Each event is the whole operation. The stream ends with the operation; `Last-Event-ID` continues it.
"""

from uuid import UUID

from functions.kernel import EventStream, Permission, Permit, Scale, StreamRequest, query
from functions.monitor.domain.operation_views import DeliveryOperationView
from functions.monitor.domain.rejections import OperationNotFound
from functions.monitor.services.operation_reader import OperationReader


class FollowDeliveryOperation(StreamRequest):
    operation_id: UUID


@query(
    http="GET /v1/operations/monitor/{operation_id}/events",
    permission=Permission.ALERTS_READ,
    rejects=[OperationNotFound],
    scale=Scale(max=2, pool=1),
)
async def operation_events(request: FollowDeliveryOperation, reader: OperationReader, permit: Permit) -> EventStream[DeliveryOperationView]:
    progress = await reader.to_operation(permit, request.operation_id)
    return EventStream[DeliveryOperationView](events=progress.events_after(request.last_event_id), is_last=progress.is_final)
