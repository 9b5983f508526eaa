"""The registration saga: user → customer → quota → payment account.

It spans three contexts; its row says which step it is at.

The user exists after the first transaction and can sign in and work once the address is verified: deploy applies the
initial quota until one is granted, and the free plan costs nothing. The payment account comes last because it needs an
external system. A step without an answer is requested again at growing intervals for days.

A step that fails for good:

    customer, quota    The other context has not answered for a day. An operator must look; there is nothing to
                       compensate.
    payment-account    The payment provider refuses the customer, or was unavailable for three days. The step
                       `compensating` follows: billing closes paid plans to the customer before any money is
                       requested. Nothing was charged, because nothing can be without an account.

A user never loses the account over a failed registration, and applications keep running. Administrators get an e-mail
and can list failed registrations (GET /v1/auth/registrations); the user sees the state (GET /v1/users/me/registration).
An administrator who has removed the cause resumes the registration. A late success counts: if the event of a failed
step arrives, the registration continues from there.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Self
from uuid import UUID

from events.auth import (
    CustomerRequested,
    PaymentAccountClosureRequested,
    PaymentAccountRequested,
    QuotaRequested,
    RegistrationCompleted,
    RegistrationFailed,
)
from events.billing import CustomerCreated, PaymentAccountChanged
from events.deploy import QuotaGranted
from functions.auth.domain.rejections import (
    RegistrationComplete,
)
from functions.auth.domain.user import User
from functions.kernel import Event, Events
from functions.kernel.sagas import Plan, Saga, Step

StepEvent = CustomerCreated | QuotaGranted | PaymentAccountChanged
"""Events that complete or fail a step."""

REFUSED, TIMED_OUT = "refused", "timed-out"


class Stage(StrEnum):
    USER = "user"
    CUSTOMER = "customer"
    QUOTA = "quota"
    ACCOUNT = "payment-account"
    COMPENSATING = "compensating"
    COMPLETED = "completed"
    COMPENSATED = "compensated"
    """Compensated: the user has the free plan and cannot choose a paid one."""
    FAILED = "failed"


MIN_INTERVAL, MAX_INTERVAL = timedelta(minutes=1), timedelta(hours=1)

PLAN = Plan(
    Step(Stage.USER, MIN_INTERVAL, MIN_INTERVAL),
    Step(Stage.CUSTOMER, timedelta(days=1), MIN_INTERVAL, MAX_INTERVAL),
    Step(Stage.QUOTA, timedelta(days=1), MIN_INTERVAL, MAX_INTERVAL),
    Step(Stage.ACCOUNT, timedelta(days=3), MIN_INTERVAL, MAX_INTERVAL, undo=Stage.COMPENSATING),
    Step(Stage.COMPENSATING, timedelta(days=1), MIN_INTERVAL, MAX_INTERVAL),
)


class RegistrationTimedOut(Event, type="registration.timed-out"):
    """A step may be overdue. Applies only if the registration still has this version."""

    user_id: UUID
    registration_version: int


@dataclass(slots=True, kw_only=True)
class Registration(Saga):
    """`id` is the user's id. `failed_step` is the step that failed for good; `reason` and `detail` say why."""

    plan: ClassVar[Plan] = PLAN

    email: str
    correlation_id: str
    started_at: datetime
    status: Stage = Stage.USER
    failed_step: Stage | None = None
    reason: str | None = None
    detail: str | None = None

    @classmethod
    def of(cls, user: User, correlation_id: str) -> tuple[Self, Events]:
        """Start the saga of a new user at the step `customer`, which the event `user.created` requests. Returns it with its first reminder."""
        at = user.registered_at
        registration = cls(id=user.id, email=user.email, correlation_id=correlation_id, started_at=at, changed_at=at)
        registration.begin(Stage.USER, at)
        return registration, (registration.enter(Stage.CUSTOMER, at),)

    def reminder(self) -> RegistrationTimedOut:
        return RegistrationTimedOut(user_id=self.id, registration_version=self.version)

    @property
    def pending_step(self) -> Stage:
        """The step whose event continues the registration, also after that step has failed."""
        return self.failed_step or self.status

    @property
    def last_error(self) -> str | None:
        """The last error of the pending step. May contain internal details: for administrators only."""
        return next((each.error for each in self.steps if each.step == self.pending_step), None)

    def observe(self, event: StepEvent, at: datetime) -> Events:
        """Apply an event of another context."""
        match event:
            case CustomerCreated() if self.pending_step is Stage.CUSTOMER:
                return self._enter(Stage.QUOTA, at)
            case QuotaGranted() if self.pending_step is Stage.QUOTA:
                return self._enter(Stage.ACCOUNT, at)
            case PaymentAccountChanged(status="opened" | "off") if self.pending_step is Stage.ACCOUNT:
                return self._complete(at)
            case PaymentAccountChanged(status="delayed") if self.status is Stage.ACCOUNT:
                return (self.record_failure(event.detail, at),)
            case PaymentAccountChanged(status="refused") if self.status is Stage.ACCOUNT:
                self.record_failure(event.detail, at)
                return self._fail_step(REFUSED, event.detail, at)
            case PaymentAccountChanged(status="given-up") if self.status is Stage.COMPENSATING:
                return self._end(Stage.COMPENSATED, at)
            case _:
                return ()

    def expire(self, at: datetime) -> Events:
        """Handle a due reminder: request the step again, or fail it if its deadline has passed."""
        if not self.is_running:
            return ()
        if not self.has_expired(at):
            return (self._request(at), self.retry(at))
        if self.status is Stage.COMPENSATING:
            return self._end(Stage.FAILED, at)
        attempts = self.current_step.attempts if self.current_step else 1
        return self._fail_step(TIMED_OUT, f"No result after {attempts} {'request' if attempts == 1 else 'requests'}.", at)

    def resume(self, at: datetime) -> Events:
        """Request the pending step again, with a new deadline. Raises RegistrationComplete."""
        if self.status is Stage.COMPLETED:
            raise RegistrationComplete
        return self._enter(self.pending_step, at)

    def _enter(self, stage: Stage, at: datetime) -> Events:
        self.failed_step = self.reason = self.detail = None
        reminder = self.enter(stage, at)
        return (self._request(at), reminder)

    def _complete(self, at: datetime) -> Events:
        self.failed_step = self.reason = self.detail = None
        self.finish(Stage.COMPLETED, at)
        return (RegistrationCompleted(user_id=self.id, at=at),)

    def _fail_step(self, reason: str, detail: str, at: datetime) -> Events:
        self.failed_step, self.reason, self.detail = self.status, reason, detail
        undo = PLAN[self.status].undo
        if undo is None:
            return self._end(Stage.FAILED, at)
        reminder = self.enter(Stage(undo), at)
        return (self._request(at), reminder)

    def _end(self, outcome: Stage, at: datetime) -> Events:
        assert self.failed_step is not None and self.reason is not None
        self.finish(outcome, at)
        failed = RegistrationFailed(
            user_id=self.id,
            step=self.failed_step,
            reason=self.reason,
            detail=self.detail or "",
            limited=outcome is Stage.COMPENSATED,
            at=at,
        )
        return (failed,)

    def _request(self, at: datetime) -> Event:
        """The event that requests the current step from another context."""
        match self.status:
            case Stage.QUOTA:
                return QuotaRequested(user_id=self.id, at=at)
            case Stage.ACCOUNT:
                return PaymentAccountRequested(user_id=self.id, at=at)
            case Stage.COMPENSATING:
                return PaymentAccountClosureRequested(user_id=self.id, reason=self.detail or self.reason or "", at=at)
            case _:
                return CustomerRequested(user_id=self.id, email=self.email, at=self.started_at)

    @property
    def summary(self) -> str:
        """The state in one line, for the user."""
        match self.status:
            case Stage.COMPLETED:
                return "The account is set up."
            case Stage.COMPENSATED | Stage.COMPENSATING:
                return f"The account works on the free plan. Paid plans are not available: the payment provider opened no account. {self.detail}"
            case Stage.FAILED:
                return f"The account works on the free plan. Set-up failed at the step {self.failed_step}: {self.detail}"
            case Stage.ACCOUNT:
                return "The account works. The payment account, which paid plans need, is being opened."
            case _:
                return "The account works. Set-up continues in the background."
