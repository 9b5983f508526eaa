"""Stream the progress of an operation.

Each event is the whole operation. The stream ends with the operation; `Last-Event-ID` continues it.
"""

from uuid import UUID

from functions.deploy.domain.operation_views import OperationView
from functions.deploy.domain.rejections import OperationNotFound
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.operation_reader import OperationReader
from functions.kernel import EventStream, Permission, Permit, StreamRequest, query


class FollowOperation(StreamRequest):
    operation_id: UUID


@query(http="GET /v1/operations/{operation_id}/events", permission=Permission.APP_READ, rejects=[OperationNotFound])
async def operation_events(request: FollowOperation, reader: OperationReader, control: AccessControl, permit: Permit) -> EventStream[OperationView]:
    progress = await reader.find(request.operation_id)
    await control.to_application(permit, progress.view.application_id, OperationNotFound.of(request.operation_id))

    return EventStream[OperationView](events=progress.events_after(request.last_event_id), is_last=progress.is_final)
