"""What an execution ends with: its line in the execution log, and the rejections of a repeated request."""

from dataclasses import dataclass

from functions.kernel import Conflict, Rejection
from functions.wire.cloudevents import Message


class KeyReused(Rejection):
    """The idempotency key was used before with another body. Use a new key for each new request."""

    status = 422


class AnswerNotKept(Conflict):
    """This request already succeeded; its response contained a secret and is not stored. Use a new Idempotency-Key."""


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """For the execution log. `message`: as an effect has resumed it."""

    outcome: str
    detail: str = ""
    emitted: tuple[str, ...] = ()
    message: Message | None = None
