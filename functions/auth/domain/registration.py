"""A registration is a saga: user → customer → quota → payment account, over three contexts, with a row here that says where it stands.

The user is there from the first transaction on, and can sign in and work as soon as the address is verified: deploy counts the quota that a user
begins with where none is granted yet, and the free plan costs nothing. What depends on a foreign system, the account at the payment provider, comes
last, so that nothing waits for it. A step that is not answered is asked for again, at longer and longer distances, for days.

What is given up, and what becomes of the user then:

    customer, quota    the other context has not answered for a day, which an operator must see to; nothing was done that had to be undone
    payment-account    the provider refuses this customer, or was away for three days. The step `limiting` compensates: billing closes paid
                       plans to the customer and says so to who asks for one, before money is asked for. Nothing was charged: nothing can be

An account is never taken away from a user for a fault of ours: applications run on. Administrators are told by mail and have the list (GET
/v1/auth/registrations), the user sees it (GET /v1/users/me/registration); who has mended the cause resumes it. A late success is a success: the fact
that a given-up step has been done takes the registration on from there.
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
from functions.auth.domain.rejections import RegistrationOver
from functions.auth.domain.user import User
from functions.kernel import Event, OutgoingMessage
from functions.kernel.saga import Plan, Saga, Step

Fact = CustomerCreated | QuotaGranted | PaymentAccountChanged

REFUSED, TIMED_OUT = "refused", "timed-out"


class Stage(StrEnum):
    USER = "user"
    CUSTOMER = "customer"
    QUOTA = "quota"
    ACCOUNT = "payment-account"
    LIMITING = "limiting"
    COMPLETED = "completed"
    LIMITED = "limited"
    """Compensated: the free plan, and no other."""
    FAILED = "failed"


LOOK, SLOWEST = timedelta(minutes=1), timedelta(hours=1)

PLAN = Plan(
    Step(Stage.USER, LOOK, LOOK),
    Step(Stage.CUSTOMER, timedelta(days=1), LOOK, SLOWEST),
    Step(Stage.QUOTA, timedelta(days=1), LOOK, SLOWEST),
    Step(Stage.ACCOUNT, timedelta(days=3), LOOK, SLOWEST, undo=Stage.LIMITING),
    Step(Stage.LIMITING, timedelta(days=1), LOOK, SLOWEST),
)


class RegistrationTimedOut(Event, type="registration.timed-out"):
    """Time has passed, and perhaps a step's time is over, if the registration's row still has this version."""

    user_id: UUID
    registration_version: int


@dataclass(slots=True, kw_only=True)
class Registration(Saga):
    """`id` is the user's. `given_up`: the step that was; `reason` and `detail` say why."""

    plan: ClassVar[Plan] = PLAN

    email: str
    correlation_id: str
    started_at: datetime
    status: Stage = Stage.USER
    given_up: Stage | None = None
    reason: str | None = None
    detail: str | None = None

    @classmethod
    def of(cls, user: User, correlation_id: str) -> tuple[Self, OutgoingMessage]:
        """Begun with the user, who is there already: `user.created` asks for the customer."""
        at = user.registered_at
        made = cls(id=user.id, email=user.email, correlation_id=correlation_id, started_at=at, changed_at=at)
        made.begin(Stage.USER, at)
        return made, made.enter(Stage.CUSTOMER, at)

    def reminder(self) -> RegistrationTimedOut:
        return RegistrationTimedOut(user_id=self.id, registration_version=self.version)

    @property
    def awaited(self) -> Stage:
        """What it waits for, even where it asks no more."""
        return self.given_up or self.status

    @property
    def last_error(self) -> str | None:
        """Of the step it waits for; a foreign system's words, for who runs this installation."""
        return next((line.error for line in self.steps if line.step == self.awaited), None)

    def observe(self, fact: Fact, at: datetime) -> tuple[OutgoingMessage, ...]:
        match fact:
            case CustomerCreated() if self.awaited is Stage.CUSTOMER:
                return self._go_on(Stage.QUOTA, at)
            case QuotaGranted() if self.awaited is Stage.QUOTA:
                return self._go_on(Stage.ACCOUNT, at)
            case PaymentAccountChanged(status="opened") if self.awaited is Stage.ACCOUNT:
                return self._complete(at)
            case PaymentAccountChanged(status="delayed") if self.status is Stage.ACCOUNT:
                return (self.failing(fact.detail, at),)
            case PaymentAccountChanged(status="refused") if self.status is Stage.ACCOUNT:
                self.failing(fact.detail, at)
                return self._give_up(REFUSED, fact.detail, at)
            case PaymentAccountChanged(status="given-up") if self.status is Stage.LIMITING:
                return self._end(Stage.LIMITED, at)
            case _:
                return ()

    def expire(self, at: datetime) -> tuple[OutgoingMessage, ...]:
        """Its reminder has come: the step is asked for again, or given up if its time is over."""
        if not self.running:
            return ()
        if not self.is_over(at):
            return (self._asked(at), self.retry(at))
        if self.status is Stage.LIMITING:
            return self._end(Stage.FAILED, at)
        times = self.line.attempts if self.line else 1
        return self._give_up(TIMED_OUT, f"Asked for {times} times, and not done in the time it had.", at)

    def resume(self, at: datetime) -> tuple[OutgoingMessage, ...]:
        """Somebody has mended what was in its way: the step is asked for now, and has all its time again. Raises RegistrationOver."""
        if self.status is Stage.COMPLETED:
            raise RegistrationOver("This registration is complete: there is nothing to resume.")
        return self._go_on(self.awaited, at)

    def _go_on(self, stage: Stage, at: datetime) -> tuple[OutgoingMessage, ...]:
        self.given_up = self.reason = self.detail = None
        reminder = self.enter(stage, at)
        return (self._asked(at), reminder)

    def _complete(self, at: datetime) -> tuple[OutgoingMessage, ...]:
        self.given_up = self.reason = self.detail = None
        self.finish(Stage.COMPLETED, at)
        return (RegistrationCompleted(user_id=self.id, at=at),)

    def _give_up(self, reason: str, detail: str, at: datetime) -> tuple[OutgoingMessage, ...]:
        self.given_up, self.reason, self.detail = self.status, reason, detail
        undo = PLAN[self.status].undo
        if undo is None:
            return self._end(Stage.FAILED, at)
        reminder = self.enter(Stage(undo), at)
        return (self._asked(at), reminder)

    def _end(self, outcome: Stage, at: datetime) -> tuple[OutgoingMessage, ...]:
        assert self.given_up is not None and self.reason is not None, "it ends so because something was given up"
        self.finish(outcome, at)
        told = {"step": self.given_up, "reason": self.reason, "detail": self.detail or "", "limited": outcome is Stage.LIMITED}
        return (RegistrationFailed(user_id=self.id, at=at, **told),)

    def _asked(self, at: datetime) -> Event:
        """What its step asks of another context."""
        match self.status:
            case Stage.QUOTA:
                return QuotaRequested(user_id=self.id, at=at)
            case Stage.ACCOUNT:
                return PaymentAccountRequested(user_id=self.id, at=at)
            case Stage.LIMITING:
                return PaymentAccountClosureRequested(user_id=self.id, reason=self.detail or self.reason or "", at=at)
            case _:
                return CustomerRequested(user_id=self.id, email=self.email, at=self.started_at)

    @property
    def summary(self) -> str:
        """In one line, as a person reads it."""
        match self.status:
            case Stage.COMPLETED:
                return "All is set up."
            case Stage.LIMITED | Stage.LIMITING:
                return f"The account works on the free plan. Paid plans are closed: the payment provider opened no account for it. {self.detail}"
            case Stage.FAILED:
                return f"The account works on the free plan. Not everything could be set up ({self.given_up}): {self.detail}"
            case Stage.ACCOUNT:
                return "The account works. The account at the payment provider, which paid plans need, is being opened."
            case _:
                return "The account works. The rest is being set up."
