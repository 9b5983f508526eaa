"""How a use case ends: done, rejected (a business "no" is an answer), or failed in a way that a retry may or may not mend.

The rejection vocabulary is closed: a use case declares the subclasses it may raise, the gateway turns each into a problem document
(RFC 9457) in one place. `type` is the class name in kebab-case. The docstring's first line is the default `detail`, its first sentence the `title`;
the sentences after it say how to fix the error.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, Literal, TypeVar

from functions.kernel.message import OutgoingMessage

T = TypeVar("T", covariant=True)
Location = Literal["body", "path", "query", "header"]
"""The part of a request that a field comes from."""

_SENTENCE_END = re.compile(r"\.(?:\s|$)")


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault of the input: a JSON pointer (RFC 6901) to the field, and what is wrong with its value."""

    pointer: str
    detail: str
    location: Location = "body"


class Rejection(Exception):
    """The request was understood and refused."""

    status: ClassVar[int] = 422

    def __init__(self, detail: str = "", *, errors: Sequence[FieldError] = (), retry_after: int | None = None) -> None:
        self.detail = detail or self._first_line()
        super().__init__(self.detail)
        self.errors = tuple(errors)
        self.retry_after = retry_after

    @classmethod
    def slug(cls) -> str:
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def title(cls) -> str:
        """The first sentence of the docstring."""
        return _SENTENCE_END.split(cls._first_line(), maxsplit=1)[0]

    @classmethod
    def _first_line(cls) -> str:
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0]


class Invalid(Rejection):
    """The input is not acceptable."""

    status = 422


class Unauthenticated(Rejection):
    """Sign in first: the request carries no valid credentials."""

    status = 401


class PaymentRequired(Rejection):
    """The plan does not include this."""

    status = 402


class Forbidden(Rejection):
    """You may not do this."""

    status = 403


class NotFound(Rejection):
    """There is no such thing, or it is not yours."""

    status = 404


class Conflict(Rejection):
    """It clashes with what is already there."""

    status = 409


class Gone(Rejection):
    """It was there and is no more."""

    status = 410


class TooManyRequests(Rejection):
    """Too many requests; wait before the next."""

    status = 429


class Unavailable(Rejection):
    """Something this needs is away; try again later."""

    status = 503


class Done(Generic[T]):
    """A use case has succeeded: its answer, and the facts it has made (`after(...)` for those it sends to itself later)."""

    __slots__ = ("events", "output")

    def __init__(self, output: T, *events: OutgoingMessage) -> None:
        self.output = output
        self.events = events


class Rejected:
    """A "no" that nevertheless keeps what was written and said: a counted failure, a declined payment."""

    __slots__ = ("events", "reason")

    def __init__(self, reason: Rejection, *events: OutgoingMessage) -> None:
        self.reason = reason
        self.events = events


class Transient(Exception):
    """A failure that may pass (a foreign system is away): the message is tried again, later and later, and a bounded number of times."""


class RateLimited(Transient):
    """A foreign system says when to come back."""

    def __init__(self, detail: str, *, retry_after: float) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Permanent(Exception):
    """A failure that no retry mends: the message goes to the dead letters at once."""
