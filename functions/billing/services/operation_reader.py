"""Find what a command has started at the payment provider, by its id."""

from uuid import UUID

from functions.billing.domain.operation_views import BillingOperationView
from functions.billing.domain.rejections import OperationNotFound, TeamNotFound
from functions.billing.ports import CreditNotes, Customers, PaymentMethodChanges, Payments
from functions.billing.services.access_control import AccessControl
from functions.kernel import OperationProgress, Permit


class OperationReader:
    def __init__(
        self, payments: Payments, credit_notes: CreditNotes, changes: PaymentMethodChanges, customers: Customers, control: AccessControl
    ) -> None:
        self._payments, self._credit_notes, self._changes, self._customers, self._control = payments, credit_notes, changes, customers, control

    async def to_operation(self, permit: Permit, operation_id: UUID) -> OperationProgress[BillingOperationView]:
        """For members of the customer's team, and administrators, who start refunds. Raises OperationNotFound, and Forbidden for a member
        without the permission."""
        customer_id, progress = await self._find(operation_id)
        if not permit.caller.is_admin:
            customer = await self._customers.get(customer_id)
            try:
                await self._control.to_team(permit, customer.user_id)
            except TeamNotFound:
                raise OperationNotFound from None
        return progress

    async def _find(self, operation_id: UUID) -> tuple[UUID, OperationProgress[BillingOperationView]]:
        """Return the operation and its customer. Raises OperationNotFound."""
        if payment := await self._payments.get(operation_id):
            return payment.customer_id, OperationProgress(BillingOperationView.of_payment(payment), payment.version)
        try:
            note = await self._credit_notes.get(operation_id)
            return note.customer_id, OperationProgress(BillingOperationView.of_credit_note(note), note.version)
        except LookupError:
            pass  # it may be the third kind
        try:
            change = await self._changes.get(operation_id)
        except LookupError:
            raise OperationNotFound from None
        return change.customer_id, OperationProgress(BillingOperationView.of_payment_method(change), change.version)
