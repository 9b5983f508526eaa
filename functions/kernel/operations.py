"""Operations: what a command with a response 202 has started, and the stream of its progress.

Each context shows its own, at the path that `Location` names. A view is derived from the row of what the operation works on (a deployment, a
payment, a credit note), so there is no second state that could differ.
"""

from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Generic, TypeVar

from functions.kernel.message import Model
from functions.kernel.streams import StreamEvent

EVENT_NAME = "operation"


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
    state: OperationState


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
