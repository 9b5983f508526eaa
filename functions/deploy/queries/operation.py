"""Show an operation: what a command started, and its outcome."""

from uuid import UUID

from functions.deploy.domain.operation_views import OperationView
from functions.deploy.domain.rejections import OperationNotFound
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.operation_reader import OperationReader
from functions.kernel import Model, Permission, Permit, query


class ShowOperation(Model):
    operation_id: UUID
    """From the response 202: a deployment's operation has the deployment's id, a one-off command's that of the command."""


@query(http="GET /v1/operations/{operation_id}", permission=Permission.APP_READ, rejects=[OperationNotFound])
async def operation(request: ShowOperation, reader: OperationReader, control: AccessControl, permit: Permit) -> OperationView:
    view = (await reader.find(request.operation_id)).view
    await control.to_application(permit, view.application_id, OperationNotFound.of(view.id))
    return view
