"""What the auth context states: users, their addresses and their sessions. No event carries a password, a token or a link."""

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
