"""Every rejection of the billing context."""

from functions.kernel import Conflict, Invalid, NotFound, PaymentRequired, Rejection


class CustomerNotFound(NotFound):
    """There is no customer for this user yet. It is created within seconds after registration; try again."""


class TeamNotFound(NotFound):
    """This team does not exist, or you are not a member of it."""


class PlanNotOffered(Invalid):
    """There is no such plan. GET /v1/billing/plans lists the plans."""


class AlreadySubscribed(Conflict):
    """The subscription has this plan already. To undo a pending cancellation, resume the subscription."""


class ChangeInProgress(Conflict):
    """A payment for this subscription is in progress. Wait for its outcome."""


class RenewalInProgress(Conflict):
    """The period has ended and its invoice is being created. Try again in an hour."""


class PaymentOverdue(PaymentRequired):
    """An invoice is overdue. Pay it first."""


class PaymentAccountMissing(Conflict):
    """The payment provider opened no account for this customer, so paid plans are not available. Ask your operator."""


class PaymentsOff(Conflict):
    """This installation takes no payments. The free plan works; an operator turns payments on by setting CAPSULE_STRIPE_API_KEY."""


class PaymentMethodMissing(Invalid):
    """There is no stored payment method. Pass `paymentMethod`."""


class NothingToCancel(Conflict):
    """The subscription has no paid plan, or is cancelled already."""


class NothingToResume(Conflict):
    """No cancellation and no plan change is scheduled."""


class InvoiceNotFound(NotFound):
    """There is no such invoice among yours."""


class OperationNotFound(NotFound):
    """There is no operation of billing with this id, or you have no access to it. Use the operationId of the response 202."""


class CreditNoteNotFound(NotFound):
    """There is no such credit note of this invoice."""


class InvoiceNotOpen(Conflict):
    """Only an open invoice can be paid."""


class InvoiceNotPaid(Conflict):
    """Only a paid invoice can be refunded."""


class RefundTooLarge(Invalid):
    """The amount is larger than what was paid less previous refunds."""


class InvalidWebhookSignature(Rejection):
    """The webhook's signature does not match its body, or is too old."""

    status = 400


class InvalidWebhook(Rejection):
    """The webhook's signature is valid, but its body is not an event of Stripe."""

    status = 400


class InvalidBillingDetails(Invalid):
    """The name, address or VAT number cannot be on an invoice."""
