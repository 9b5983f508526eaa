"""Show an operation of your account: what a command started."""

from uuid import UUID

from functions.auth.domain.operation_views import AccountOperationView
from functions.auth.domain.rejections import OperationNotFound
from functions.auth.services.operation_reader import OperationReader
from functions.kernel import OWN_ACCOUNT, Caller, Model, query


class ShowAccountOperation(Model):
    operation_id: UUID
    """From the response 202. A registration has the id of its user; administrators see those of all."""


@query(http="GET /v1/operations/auth/{operation_id}", allow=OWN_ACCOUNT, rejects=[OperationNotFound])
async def operation(request: ShowAccountOperation, reader: OperationReader, caller: Caller) -> AccountOperationView:
    return (await reader.to_operation(caller, request.operation_id)).view
