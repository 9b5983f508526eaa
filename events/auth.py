"""What the auth context states: users, their registration, their addresses and their sessions. No event carries a password, a token or a link."""

from datetime import datetime
from uuid import UUID

from functions.kernel import Event


class UserCreated(Event, type="user.created", subject="user_id"):
    """A visitor has become a user; billing makes a customer of it, auth sends the verification mail, and the saga of the registration goes on from
    there: `customer.created`, `quota.requested`, `quota.granted`, `payment-account.requested`, `payment-account.changed`,
    `registration.completed`."""

    user_id: UUID
    email: str
    at: datetime


class CustomerRequested(Event, type="customer.requested"):
    """A registration has heard nothing of its customer and asks once more; `at` is when the user was created. Answered by `customer.created`."""

    user_id: UUID
    email: str
    at: datetime


class QuotaRequested(Event, type="quota.requested"):
    """A registration asks for the quota that a user begins with. Answered by `quota.granted`, every time."""

    user_id: UUID
    at: datetime


class PaymentAccountRequested(Event, type="payment-account.requested"):
    """A registration asks for the customer's account at the payment provider. Answered by `payment-account.changed`, every time."""

    user_id: UUID
    at: datetime


class PaymentAccountClosureRequested(Event, type="payment-account.closure-requested"):
    """A registration has given that account up: the customer stays on the free plan. Answered by `payment-account.changed`, every time."""

    user_id: UUID
    reason: str
    at: datetime


class RegistrationCompleted(Event, type="registration.completed", subject="user_id"):
    """Customer, quota and payment account are there."""

    user_id: UUID
    at: datetime


class RegistrationFailed(Event, type="registration.failed", subject="user_id"):
    """A registration could not be completed and has been compensated: the user can sign in and use the free plan. `step`: what was given up;
    `reason`: timed-out, refused; `limited`: whether paid plans were closed to the customer."""

    user_id: UUID
    step: str
    reason: str
    detail: str
    limited: bool
    at: datetime


class RegistrationRepeated(Event, type="registration.repeated"):
    """Somebody registered with an address that has an account: its owner is told by mail, the visitor is told nothing else."""

    email: str
    at: datetime


class EmailVerificationRequested(Event, type="email-verification.requested"):
    """Somebody asked for another verification mail. Whether the address has an account is found out by who handles it: asking must not tell."""

    email: str
    at: datetime


class EmailVerified(Event, type="email.verified", subject="user_id"):
    """The user has proved that the address is theirs."""

    user_id: UUID
    email: str
    at: datetime


class UserLoggedIn(Event, type="user.logged-in"):
    """A session began."""

    user_id: UUID
    session_id: UUID
    at: datetime


class SessionEnded(Event, type="session.ended", subject="session_id"):
    """A session is over before its time; whoever remembers its access tokens forgets them. `reason`: logged-out, refresh-token-reused."""

    session_id: UUID
    user_id: UUID
    reason: str
    at: datetime
