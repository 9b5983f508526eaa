"""Find what a command has started at the payment provider, by its id."""

from uuid import UUID

from functions.billing.domain.operation_views import BillingOperationView
from functions.billing.domain.rejections import OperationNotFound, TeamNotFound
from functions.billing.ports import CreditNotes, Customers, Payments
from functions.billing.services.access_control import AccessControl
from functions.kernel import OperationProgress, Permit


class OperationReader:
    def __init__(self, payments: Payments, credit_notes: CreditNotes, customers: Customers, control: AccessControl) -> None:
        self._payments, self._credit_notes, self._customers, self._control = payments, credit_notes, customers, control

    async def to_operation(self, permit: Permit, operation_id: UUID) -> OperationProgress[BillingOperationView]:
        """For members of the customer's team, and administrators, who start refunds. Raises OperationNotFound, and Forbidden for a member
        without the permission."""
        if payment := await self._payments.get(operation_id):
            customer_id, progress = payment.customer_id, OperationProgress(BillingOperationView.of_payment(payment), payment.version)
        else:
            try:
                note = await self._credit_notes.get(operation_id)
            except LookupError:
                raise OperationNotFound from None
            customer_id, progress = note.customer_id, OperationProgress(BillingOperationView.of_credit_note(note), note.version)
        if not permit.caller.is_admin:
            customer = await self._customers.get(customer_id)
            try:
                await self._control.to_team(permit, customer.user_id)
            except TeamNotFound:
                raise OperationNotFound from None
        return progress
