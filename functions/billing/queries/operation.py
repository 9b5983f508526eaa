"""Show an operation of billing: a payment, a refund and so on."""

from uuid import UUID

from functions.billing.domain.operation_views import BillingOperationView
from functions.billing.domain.rejections import OperationNotFound
from functions.billing.services.operation_reader import OperationReader
from functions.kernel import Model, Permission, Permit, query


class ShowBillingOperation(Model):
    operation_id: UUID
    """`operationId` of the response 202: the id of the payment, the credit note, or the change of the payment method."""


@query(http="GET /v1/operations/billing/{operation_id}", permission=Permission.BILLING_READ, rejects=[OperationNotFound])
async def operation(request: ShowBillingOperation, reader: OperationReader, permit: Permit) -> BillingOperationView:
    return (await reader.to_operation(permit, request.operation_id)).view
