"""Show an operation of monitor: a requested delivery."""

from uuid import UUID

from functions.kernel import Model, Permission, Permit, Scale, query
from functions.monitor.domain.operation_views import DeliveryOperationView
from functions.monitor.domain.rejections import OperationNotFound
from functions.monitor.services.operation_reader import OperationReader


class ShowDeliveryOperation(Model):
    operation_id: UUID
    """From the response 202: the id of the delivery."""


@query(
    http="GET /v1/operations/monitor/{operation_id}",
    permission=Permission.ALERTS_READ,
    rejects=[OperationNotFound],
    scale=Scale(max=2, pool=1),
)
async def operation(request: ShowDeliveryOperation, reader: OperationReader, permit: Permit) -> DeliveryOperationView:
    return (await reader.to_operation(permit, request.operation_id)).view
