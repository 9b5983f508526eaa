"""Stream the progress of an operation of your account.

Each event is the whole operation. The stream ends with the operation; `Last-Event-ID` continues it.
"""

from uuid import UUID

from functions.auth.domain.operation_views import AccountOperationView
from functions.auth.domain.rejections import OperationNotFound
from functions.auth.services.operation_reader import OperationReader
from functions.kernel import OWN_ACCOUNT, Caller, EventStream, StreamRequest, query


class FollowAccountOperation(StreamRequest):
    operation_id: UUID


@query(http="GET /v1/operations/auth/{operation_id}/events", allow=OWN_ACCOUNT, rejects=[OperationNotFound])
async def operation_events(request: FollowAccountOperation, reader: OperationReader, caller: Caller) -> EventStream[AccountOperationView]:
    progress = await reader.to_operation(caller, request.operation_id)
    return EventStream[AccountOperationView](events=progress.events_after(request.last_event_id), is_last=progress.is_final)
