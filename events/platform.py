"""Events that every context publishes about itself."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from functions.kernel import Event, Part

GAP = "MissingPredecessor"
"""The error of an early event (`Order.STRICT`) whose predecessor did not arrive in time."""


class DeadLetterCount(Part):
    """The open dead letters of one function with the same error."""

    function: str
    error: str
    count: int
    oldest_at: datetime


class DeadLettersCounted(Event, type="dead-letters.counted", subject="context"):
    """The open dead letters of a context were counted.

    Published every ten minutes while there are any, and when an operator has replayed or discarded some. `open`: their
    number. `oldest_at`: when the oldest died; `at` if there are none. `causes`: the most frequent ones.
    """

    context: str
    open: int
    oldest_at: datetime
    causes: list[DeadLetterCount]
    at: datetime


class ActorKind(StrEnum):
    SESSION = "session"
    """A user who has signed in."""
    TOKEN = "token"
    """A program with an API token of a user."""
    SERVICE_ACCOUNT = "service-account"
    """A program with an API token of a service account, whose id is then `user_id`."""
    ANONYMOUS = "anonymous"
    """A request without credentials. `user_id` is then the account that it concerns, if there is one."""
    SYSTEM = "system"
    """Capsule itself: a schedule, an event."""


class AuditRecord(Part):
    """What one execution of a function changed.

    `outcome`: `done` or `rejected`. `reason`: the kind of rejection. `target`: the path of the resource. `session_id`: of the session,
    or of the API token. `is_personal`: `before` and `after` are erased with the user's account, as address and User-Agent are.
    """

    id: UUID
    at: datetime
    function: str
    actor: ActorKind
    user_id: UUID | None
    session_id: UUID | None
    target: str
    outcome: str
    reason: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    is_personal: bool
    address: str
    user_agent: str
    correlation_id: str


class AuditRecorded(Event, type="audit.recorded"):
    """Functions of a context were executed.

    Auth appends the records to the audit log, each once by its id.
    """

    records: list[AuditRecord]


class AddressSuppressed(Event, type="email-address.suppressed"):
    """E-mails do not reach an address: no context sends to it any more.

    Published by the context whose e-mail was refused, or by auth for a notification of the mail service. `reason`: `bounce` or
    `complaint`. `detail`: what the mail server or the mailbox provider said.
    """

    address: str
    reason: str
    detail: str
    at: datetime


class AddressUnsuppressed(Event, type="email-address.unsuppressed"):
    """E-mails are sent to an address again.

    Its user, or an administrator, has lifted the suppression; or an e-mail that was requested again has arrived and its link was used.
    """

    address: str
    at: datetime
