"""A registration as it is answered: where it stands, since when, and what it took."""

from datetime import datetime
from typing import Self
from uuid import UUID

from functions.auth.domain.registration import Registration
from functions.kernel import Model


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
    def of(cls, registration: Registration) -> Self:
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
            steps=[ShownRegistrationStep.model_validate(each, from_attributes=True) for each in registration.steps],
            correlation_id=registration.correlation_id,
        )
