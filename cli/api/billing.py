# GENERATED from the declarations by `python -m functions.describe`. Do not edit: change the declaration and run it again.
"""Operations of billing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from cli.api.billing_models import BillView, BillingDetailsView, BillingExport, BillingOperationView, CancellationView, CustomerView, InvoiceStatus, InvoiceSummaryPage, InvoiceSummaryView, InvoiceView, OperatorCustomerPage, OperatorCustomerView, OperatorInvoicePage, OperatorInvoiceView, OperatorPaymentPage, OperatorPaymentView, PayInvoiceBody, PaymentAccepted, PaymentMethodAccepted, PaymentMethodView, PaymentStatus, PlanPage, RefundAccepted, RefundInvoiceBody, ResumeSubscription, SetBillingDetails, SetPaymentMethod, Subscribe, SubscriptionChangeAccepted, SubscriptionChangeView, SubscriptionView, VoidInvoiceBody
from cli.api.shared_models import DeadLettersView, SettleDeadLetters, SettledDeadLettersView
from cli.api.transport import Operations, segment


class Billing(Operations):
    def current_bill(
        self,
        *,
        team_id: str | None = None,
        application_id: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> BillView:
        """Show the current bill: usage, charges, what is due and paid."""
        return cast(BillView, self._call("GET", "/v1/billing/current", query={"teamId": team_id, "applicationId": application_id, "limit": limit, "cursor": cursor}))

    def customer(self, *, team_id: str | None = None) -> CustomerView:
        """Show your customer account: plan, balance, payment account."""
        return cast(CustomerView, self._call("GET", "/v1/billing/customer", query={"teamId": team_id}))

    def set_billing_details(self, body: SetBillingDetails, *, idempotency_key: str | None = None) -> BillingDetailsView:
        """Set the name and address on invoices to come."""
        return cast(BillingDetailsView, self._call("PUT", "/v1/billing/details", body=body, idempotency_key=idempotency_key))

    def invoices(
        self,
        *,
        team_id: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> InvoiceSummaryPage:
        """List your invoices, newest first."""
        return cast(InvoiceSummaryPage, self._call("GET", "/v1/billing/invoices", query={"teamId": team_id, "cursor": cursor, "limit": limit}))

    def all_invoices(
        self,
        *,
        team_id: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Iterator[InvoiceSummaryView]:
        """List your invoices, newest first: the items of all pages."""
        return cast(Iterator[InvoiceSummaryView], self._items("/v1/billing/invoices", {"teamId": team_id, "cursor": cursor, "limit": limit}))

    def invoice(self, invoice_id: str, *, team_id: str | None = None) -> InvoiceView:
        """Show an invoice with payment, refunds and disputes."""
        return cast(InvoiceView, self._call("GET", f"/v1/billing/invoices/{segment(invoice_id)}", query={"teamId": team_id}))

    def credit_note_pdf(self, invoice_id: str, credit_note_id: str, *, team_id: str | None = None) -> bytes:
        """Download a credit note as PDF."""
        return self._download(f"/v1/billing/invoices/{segment(invoice_id)}/credit-notes/{segment(credit_note_id)}/pdf", query={"teamId": team_id})

    def pay_invoice(
        self,
        invoice_id: str,
        body: PayInvoiceBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> PaymentAccepted:
        """Pay an open invoice."""
        return cast(PaymentAccepted, self._call("POST", f"/v1/billing/invoices/{segment(invoice_id)}/payment", body=body or {}, idempotency_key=idempotency_key))

    def invoice_pdf(self, invoice_id: str, *, team_id: str | None = None) -> bytes:
        """Download an invoice as PDF."""
        return self._download(f"/v1/billing/invoices/{segment(invoice_id)}/pdf", query={"teamId": team_id})

    def refund_invoice(
        self,
        invoice_id: str,
        body: RefundInvoiceBody,
        *,
        idempotency_key: str | None = None,
    ) -> RefundAccepted:
        """Refund a paid invoice, completely or in part."""
        return cast(RefundAccepted, self._call("POST", f"/v1/billing/invoices/{segment(invoice_id)}/refunds", body=body, idempotency_key=idempotency_key))

    def void_invoice(
        self,
        invoice_id: str,
        body: VoidInvoiceBody,
        *,
        idempotency_key: str | None = None,
    ) -> InvoiceSummaryView:
        """Cancel an open invoice: nothing of it is owed (admin)."""
        return cast(InvoiceSummaryView, self._call("POST", f"/v1/billing/invoices/{segment(invoice_id)}/void", body=body, idempotency_key=idempotency_key))

    def operator_customers(
        self,
        *,
        email: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> OperatorCustomerPage:
        """List customers with plan and balance (admin)."""
        return cast(OperatorCustomerPage, self._call("GET", "/v1/billing/operator/customers", query={"email": email, "cursor": cursor, "limit": limit}))

    def all_operator_customers(
        self,
        *,
        email: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Iterator[OperatorCustomerView]:
        """List customers with plan and balance (admin): the items of all pages."""
        return cast(Iterator[OperatorCustomerView], self._items("/v1/billing/operator/customers", {"email": email, "cursor": cursor, "limit": limit}))

    def operator_invoices(
        self,
        *,
        customer_id: str | None = None,
        status: InvoiceStatus | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> OperatorInvoicePage:
        """List invoices of all customers (admin)."""
        return cast(OperatorInvoicePage, self._call("GET", "/v1/billing/operator/invoices", query={"customerId": customer_id, "status": status, "cursor": cursor, "limit": limit}))

    def all_operator_invoices(
        self,
        *,
        customer_id: str | None = None,
        status: InvoiceStatus | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Iterator[OperatorInvoiceView]:
        """List invoices of all customers (admin): the items of all pages."""
        return cast(Iterator[OperatorInvoiceView], self._items("/v1/billing/operator/invoices", {"customerId": customer_id, "status": status, "cursor": cursor, "limit": limit}))

    def operator_payments(
        self,
        *,
        customer_id: str | None = None,
        status: PaymentStatus | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> OperatorPaymentPage:
        """List payments of all customers, with disputes (admin)."""
        return cast(OperatorPaymentPage, self._call("GET", "/v1/billing/operator/payments", query={"customerId": customer_id, "status": status, "cursor": cursor, "limit": limit}))

    def all_operator_payments(
        self,
        *,
        customer_id: str | None = None,
        status: PaymentStatus | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Iterator[OperatorPaymentView]:
        """List payments of all customers, with disputes (admin): the items of all pages."""
        return cast(Iterator[OperatorPaymentView], self._items("/v1/billing/operator/payments", {"customerId": customer_id, "status": status, "cursor": cursor, "limit": limit}))

    def payment_method(self, *, team_id: str | None = None) -> PaymentMethodView:
        """Show your payment method and its last change."""
        return cast(PaymentMethodView, self._call("GET", "/v1/billing/payment-method", query={"teamId": team_id}))

    def set_payment_method(
        self,
        body: SetPaymentMethod,
        *,
        idempotency_key: str | None = None,
    ) -> PaymentMethodAccepted:
        """Replace your payment method without paying."""
        return cast(PaymentMethodAccepted, self._call("PUT", "/v1/billing/payment-method", body=body, idempotency_key=idempotency_key))

    def plans(self) -> PlanPage:
        """List the plans with their prices and limits."""
        return cast(PlanPage, self._call("GET", "/v1/billing/plans"))

    def subscription(self, *, team_id: str | None = None) -> SubscriptionView:
        """Show your plan, its limits and the last payment."""
        return cast(SubscriptionView, self._call("GET", "/v1/billing/subscription", query={"teamId": team_id}))

    def subscribe(self, body: Subscribe, *, idempotency_key: str | None = None) -> SubscriptionChangeAccepted:
        """Change your plan."""
        return cast(SubscriptionChangeAccepted, self._call("POST", "/v1/billing/subscription", body=body, idempotency_key=idempotency_key))

    def cancel_subscription(
        self,
        *,
        team_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> CancellationView:
        """Cancel your paid plan."""
        return cast(CancellationView, self._call("DELETE", "/v1/billing/subscription", query={"teamId": team_id}, idempotency_key=idempotency_key))

    def resume_subscription(
        self,
        body: ResumeSubscription | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> SubscriptionChangeView:
        """Undo a scheduled cancellation or downgrade."""
        return cast(SubscriptionChangeView, self._call("POST", "/v1/billing/subscription/resume", body=body or {}, idempotency_key=idempotency_key))

    def dead_letters(
        self,
        *,
        id: str | None = None,
        function: str | None = None,
        error: str | None = None,
        state: str | None = None,
        limit: int | None = None,
    ) -> DeadLettersView:
        """List dead letters by cause and one by one."""
        return cast(DeadLettersView, self._call("GET", "/v1/operations/billing/dead-letters", query={"id": id, "function": function, "error": error, "state": state, "limit": limit}))

    def settle_dead_letters(
        self,
        body: SettleDeadLetters,
        *,
        idempotency_key: str | None = None,
    ) -> SettledDeadLettersView:
        """Replay or discard dead letters."""
        return cast(SettledDeadLettersView, self._call("POST", "/v1/operations/billing/dead-letters", body=body, idempotency_key=idempotency_key))

    def operation(self, operation_id: str) -> BillingOperationView:
        """Show an operation of billing: a payment, a refund and so on."""
        return cast(BillingOperationView, self._call("GET", f"/v1/operations/billing/{segment(operation_id)}"))

    def export(self) -> BillingExport:
        """Export your billing data."""
        return cast(BillingExport, self._call("GET", "/v1/users/me/exports/billing"))
