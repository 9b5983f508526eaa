"""A registration as it is answered: where it stands, since when, and what it took.

Why the payment provider could not be asked (addresses, keys, an outage) is for who runs this installation; the user learns that it could not, and
in the provider's own words why it refuses.
"""

from datetime import datetime
from typing import Self
from uuid import UUID

from functions.auth.domain.registration import REFUSED, Registration
from functions.kernel import Model

NO_ANSWER = "No answer."


class ShownRegistrationStep(Model):
    step: str
    started_at: datetime
    finished_at: datetime | None
    attempts: int
    error: str | None
    """Of the last attempt that failed."""


class ShownRegistration(Model):
    user_id: UUID
    email: str
    status: str
    """The step it is at (`customer`, `quota`, `payment-account`, `limiting`), or how it has ended: `completed`, `limited` or `failed`."""
    summary: str
    """In one line: what that means to the user."""
    given_up: str | None
    reason: str | None
    detail: str | None
    started_at: datetime
    finished_at: datetime | None
    next_look_at: datetime | None
    """When it is looked at again, if it waits for something."""
    gives_up_at: datetime | None
    steps: list[ShownRegistrationStep]
    correlation_id: str

    @classmethod
    def of(cls, registration: Registration, *, to_admin: bool = False) -> Self:
        in_full = to_admin or registration.reason == REFUSED
        return cls(
            user_id=registration.id,
            email=registration.email,
            status=registration.status,
            summary=registration.summary,
            given_up=registration.given_up,
            reason=registration.reason,
            detail=registration.detail,
            started_at=registration.started_at,
            finished_at=registration.finished_at,
            next_look_at=registration.look_at,
            gives_up_at=registration.deadline_at,
            steps=[
                ShownRegistrationStep(
                    step=each.step,
                    started_at=each.started_at,
                    finished_at=each.finished_at,
                    attempts=each.attempts,
                    error=each.error if in_full or each.error is None else NO_ANSWER,
                )
                for each in registration.steps
            ],
            correlation_id=registration.correlation_id,
        )
