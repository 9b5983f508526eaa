"""Operations: what a command with a response 202 has started, and the stream of its progress.

Each context shows its own, at the path that `Location` names. A view is derived from the row of what the operation works on (a deployment, a
payment, a delivery), so there is no second state that could differ.

A context has operations when it declares the queries `operation` (`GET /v1/operations/<context>/{operation_id}`) and `operation_events` (the same
with `/events`); both return what its reader finds. A command with a response 202 returns `operation_id`, or declares `without_operation`.
"""

from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Generic, TypeVar
from uuid import UUID

from functions.kernel.declaration import Declaration, Kind
from functions.kernel.message import Model
from functions.kernel.streams import StreamEvent

EVENT_NAME = "operation"
OPERATION_ID = "operation_id"
"""The field of a response 202 that names the operation that goes on."""


class OperationState(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class OperationStepView(Model):
    step: str
    started_at: datetime
    finished_at: datetime | None
    attempts: int = 1
    error: str | None = None
    """Of the last attempt, if it failed."""


class OperationProblem(Model):
    """Why it failed: members of a problem document (RFC 9457), and `reason`, a stable code."""

    title: str
    detail: str
    reason: str


class OperationBase(Model):
    """What every operation shows. A context adds what it works on."""

    id: UUID
    kind: str
    state: OperationState
    summary: str
    """One line for people."""
    steps: list[OperationStepView]
    resource: str | None
    """The path of what the operation works on and of its result; null for what is deleted."""
    problem: OperationProblem | None
    requested_at: datetime
    finished_at: datetime | None


ViewT = TypeVar("ViewT", bound=OperationBase)


class OperationProgress(Generic[ViewT]):
    """A view with its version, which grows with each change that is stored: together the id of an event.

    A version may grow without a visible change (a reminder), so the id has a digest of the view too.
    """

    def __init__(self, view: ViewT, version: int) -> None:
        self.view = view
        self.version = version
        self._digest = blake2b(view.model_dump_json().encode(), digest_size=6).hexdigest()

    @property
    def is_final(self) -> bool:
        return self.view.state is not OperationState.RUNNING

    def events_after(self, last_event_id: str | None) -> list[StreamEvent[ViewT]]:
        """Return the event of this state, unless the client has it, or a newer one. An id of another form counts as none."""
        version, _, digest = (last_event_id or "").partition("-")
        if version.isdecimal() and (int(version[:9]) >= self.version or digest == self._digest):
            return []
        return [StreamEvent(id=f"{self.version}-{self._digest}", name=EVENT_NAME, data=self.view)]


def names_operation(declaration: Declaration) -> bool:
    """Whether it is a command whose response 202 has the id of an operation. The id is null if nothing goes on."""
    is_accepted = declaration.kind is Kind.COMMAND and declaration.status == 202
    return is_accepted and OPERATION_ID in getattr(declaration.output, "model_fields", {})


def check_operation(declaration: Declaration) -> None:
    """Raises TypeError for a response 202 without an operation, or a reason for what needs none."""
    is_named, is_explained = names_operation(declaration), bool(declaration.without_operation)
    if declaration.http is not None and declaration.status == 202 and not is_named and not is_explained:
        raise TypeError(f"{declaration.name} answers 202: its output has the field {OPERATION_ID}, or it declares without_operation=<why not>")
    if is_explained and (is_named or declaration.status != 202):
        raise TypeError(f"{declaration.name} declares without_operation, but its response names an operation, or is no 202")
