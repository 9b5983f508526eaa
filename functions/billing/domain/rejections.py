"""The ways in which billing says no."""

from functions.kernel import Conflict, Invalid, NotFound, PaymentRequired, Rejection


class CustomerNotFound(NotFound):
    """There is no customer for this user yet; one is made shortly after registration."""


class PlanNotOffered(Invalid):
    """There is no such plan; GET /v1/billing/plans lists those on offer."""


class AlreadySubscribed(Conflict):
    """This is the plan you are on; to keep it after a cancellation, resume it."""


class ChangeUnderWay(Conflict):
    """An upgrade is being paid for; wait for its outcome."""


class RenewalUnderWay(Conflict):
    """The period has just ended and its invoice is being written; ask again in an hour."""


class PaymentOverdue(PaymentRequired):
    """An invoice is overdue; pay it first."""


class PaymentAccountMissing(Conflict):
    """No account could be opened for you at the payment provider, so that you stay on the free plan."""


class PaymentMethodMissing(Invalid):
    """No payment method is known; name one."""


class NothingToCancel(Conflict):
    """There is no paid plan to cancel, or it is cancelled already."""


class NothingToResume(Conflict):
    """No cancellation and no other plan is waiting for the period's end."""


class InvoiceNotFound(NotFound):
    """There is no such invoice, or it is not yours."""


class InvoiceNotOpen(Conflict):
    """Only an open invoice can be paid."""


class InvoiceNotPaid(Conflict):
    """Only a paid invoice can be refunded."""


class RefundTooLarge(Invalid):
    """More than was paid, less what was refunded before, cannot be refunded."""


class BadSignature(Rejection):
    """The signature does not fit the body, or is too old."""

    status = 400
