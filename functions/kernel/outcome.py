"""How a use case ends: done, rejected, or failed in a way that a retry may or may not repair.

A rejection is an answer, not a failure. A use case declares the subclasses of `Rejection` that it raises; the gateway turns
each into a problem document (RFC 9457). `type` is the class name in kebab-case. The docstring's first line is the default
`detail`, its first sentence the `title`; the sentences after it say how to fix the error.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, Literal, TypeVar
from uuid import UUID

from functions.kernel.change import Change
from functions.kernel.message import OutgoingMessage

T = TypeVar("T", covariant=True)
Location = Literal["body", "path", "query", "header"]
"""The part of a request that a field comes from."""

_SENTENCE_END = re.compile(r"\.(?:\s|$)")


def json_pointer(path: Iterable[str | int]) -> str:
    """Return the JSON pointer to a place in a document (RFC 6901 section 3); empty for the whole document.

    It is plain, not percent-encoded: that is for pointers in URI fragments (section 6).
    """
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


@dataclass(frozen=True, slots=True)
class FieldError:
    """An invalid field of the input: a JSON pointer to it (`json_pointer`) and what is wrong."""

    pointer: str
    detail: str
    location: Location = "body"


class Rejection(Exception):
    """The request was understood and refused. `retry_after`: seconds. `secret_members`: extension members of the problem document
    (RFC 9457, 3.2) that are sent once, and neither stored nor logged."""

    status: ClassVar[int] = 422

    def __init__(
        self, detail: str = "", *, errors: Sequence[FieldError] = (), retry_after: int | None = None, secret_members: Mapping[str, str] | None = None
    ) -> None:
        self.detail = detail or self._first_line()
        super().__init__(self.detail)
        self.errors = tuple(errors)
        self.retry_after = retry_after
        self.secret_members = dict(secret_members or {})
        self.foreign_ids: tuple[UUID, ...] = ()
        """Of what other contexts create and this one did not find: it may learn of them a moment later."""

    @classmethod
    def slug(cls) -> str:
        """The class name in kebab-case, with which the problem type ends."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def title(cls) -> str:
        """The first sentence of the docstring."""
        return _SENTENCE_END.split(cls._first_line(), maxsplit=1)[0]

    @classmethod
    def _first_line(cls) -> str:
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0]


class Invalid(Rejection):
    """The input is invalid."""

    status = 422


class Unauthenticated(Rejection):
    """Sign in first: the request has no valid credentials."""

    status = 401


class PaymentRequired(Rejection):
    """The plan does not include this."""

    status = 402


class Forbidden(Rejection):
    """You do not have permission to do this."""

    status = 403


class RecentLoginRequired(Forbidden):
    """This needs a recent sign-in. Confirm your identity with `POST /v1/sessions/current/confirmation`, then repeat the request.

    The request changes the security of the account, and the last password or code of its session is more than 10 minutes old.
    """


class NotFound(Rejection):
    """It does not exist, or you do not have access to it."""

    status = 404


class Conflict(Rejection):
    """The request conflicts with the current state."""

    status = 409


class Gone(Rejection):
    """It existed and was deleted."""

    status = 410


class TooManyRequests(Rejection):
    """Too many requests. Wait before the next one."""

    status = 429


class Unavailable(Rejection):
    """A system that this request needs is unavailable. Try again later."""

    status = 503


class Done(Generic[T]):
    """A use case succeeded: its output, the messages to publish (`after(...)` for delayed ones), and what changed, for the audit log."""

    __slots__ = ("change", "events", "output")

    def __init__(self, output: T, *events: OutgoingMessage, change: Change | None = None) -> None:
        self.output = output
        self.events = events
        self.change = change


class Rejected:
    """A rejection that keeps what was written and publishes `events`: a counted failure, a declined payment.

    A raised `Rejection` rolls back what the use case wrote.
    """

    __slots__ = ("change", "events", "reason")

    def __init__(self, reason: Rejection, *events: OutgoingMessage, change: Change | None = None) -> None:
        self.reason = reason
        self.events = events
        self.change = change


class Transient(Exception):
    """A failure that a retry may repair (an external system is unavailable). Retried with backoff, a bounded number of times."""


class NotKnownYet(Transient):
    """Another context has just created this, and its event has not arrived here."""


class RateLimited(Transient):
    """An external system asks to wait. `retry_after`: seconds."""

    def __init__(self, detail: str, *, retry_after: float) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Permanent(Exception):
    """A failure that no retry repairs. The message becomes a dead letter at once."""
