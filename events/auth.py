"""What the auth context states: users and their addresses. No event carries a password, a token or a link."""

from datetime import datetime
from uuid import UUID

from functions.kernel import Event


class UserCreated(Event, type="user.created", subject="user_id"):
    """A visitor has become a user; billing makes a customer of it, deploy a quota, auth sends the verification mail."""

    user_id: UUID
    email: str
    at: datetime


class RegistrationRepeated(Event, type="registration.repeated"):
    """Somebody registered with an address that has an account: its owner is told by mail, the visitor is told nothing else."""

    email: str
    at: datetime


class EmailVerificationRequested(Event, type="email-verification.requested"):
    """A user asked for another verification mail."""

    user_id: UUID
    email: str
    at: datetime


class EmailVerified(Event, type="email.verified", subject="user_id"):
    user_id: UUID
    email: str
    at: datetime


class UserLoggedIn(Event, type="user.logged-in"):
    """A session began."""

    user_id: UUID
    session_id: UUID
    at: datetime
