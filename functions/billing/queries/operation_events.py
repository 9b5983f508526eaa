"""Stream the progress of an operation of billing.

Each event is the whole operation. The stream ends with the operation; `Last-Event-ID` continues it.
"""

from uuid import UUID

from functions.billing.domain.operation_views import BillingOperationView
from functions.billing.domain.rejections import OperationNotFound
from functions.billing.services.operation_reader import OperationReader
from functions.kernel import EventStream, Permission, Permit, StreamRequest, query


class FollowBillingOperation(StreamRequest):
    operation_id: UUID


@query(http="GET /v1/operations/billing/{operation_id}/events", permission=Permission.BILLING_READ, rejects=[OperationNotFound])
async def operation_events(request: FollowBillingOperation, reader: OperationReader, permit: Permit) -> EventStream[BillingOperationView]:
    progress = await reader.to_operation(permit, request.operation_id)
    return EventStream[BillingOperationView](events=progress.events_after(request.last_event_id), is_last=progress.is_final)
