"""One registration, told by its messages: the other contexts are played by the test, on a clock that is set."""

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid4

from events.auth import (
    UserCreated,
)
from events.billing import CustomerCreated, PaymentAccountChanged
from events.deploy import QuotaGranted
from functions.auth.commands.resume_registration import ResumeRegistration, resume_registration
from functions.auth.domain.registration import Registration, RegistrationTimedOut
from functions.auth.handlers.housekeeping import housekeeping
from functions.auth.handlers.on_registration_timed_out import on_registration_timed_out
from functions.auth.handlers.registration_saga import registration_saga
from functions.kernel import Delayed, Event
from tests.auth.world import PlainWork, Recorded, World


class NoSweep:
    async def sweep(self) -> None:
        """The runtime's own tables are not here."""


class Noting(PlainWork):
    """Keeps what was recorded."""

    def __init__(self) -> None:
        super().__init__()
        self.recorded = Recorded()

    def recording(self):  # type: ignore[no-untyped-def, override]
        outer = super().recording()

        class Same:
            async def __aenter__(_) -> Recorded:
                await outer.__aenter__()
                return self.recorded

            async def __aexit__(_, *error: object) -> None:
                await outer.__aexit__(*error)

        return Same()


@dataclass
class Story:
    """One registration; the other contexts are played by the test."""

    world: World = field(default_factory=World)
    asked: list[Event] = field(default_factory=list)
    reminders: list[tuple[timedelta, RegistrationTimedOut]] = field(default_factory=list)
    user_id: UUID = field(default_factory=uuid4)
    customer_id: UUID = field(default_factory=uuid4)

    async def begin(self, email: str = "ada@example.org") -> "Story":
        created = await self.world.register(email)
        assert isinstance(created, UserCreated)
        self.user_id = created.user_id
        found = await self.found()
        self.reminders.append((timedelta(minutes=1), found.reminder()))
        return self

    async def found(self) -> Registration:
        found = await self.world.registrations.get(self.user_id)
        assert found is not None
        return found

    async def hear(self, event: Event) -> "Story":
        where = (self.world.registrations, self.world.clock)
        match event:
            case CustomerCreated() | QuotaGranted() | PaymentAccountChanged():
                done = await registration_saga(event, *where)
            case RegistrationTimedOut():
                done = await on_registration_timed_out(event, *where)
            case _:
                raise AssertionError(f"nobody hears {event}")
        self._said(done.events)
        return self

    def _said(self, events: object) -> None:
        for event in events:  # type: ignore[attr-defined]
            if isinstance(event, Delayed):
                assert isinstance(event.event, RegistrationTimedOut)
                self.reminders.append((event.delay, event.event))
            else:
                self.asked.append(event)

    async def customer(self) -> "Story":
        return await self.hear(CustomerCreated(customer_id=self.customer_id, user_id=self.user_id, plan="free", at=self.world.clock.now()))

    async def quota(self) -> "Story":
        return await self.hear(QuotaGranted(user_id=self.user_id, applications=5, memory_mib=2560, at=self.world.clock.now()))

    async def account(self, status: str, detail: str = "") -> "Story":
        now = self.world.clock.now()
        return await self.hear(PaymentAccountChanged(customer_id=self.customer_id, user_id=self.user_id, status=status, detail=detail, at=now))

    async def reminded(self) -> "Story":
        """The newest reminder comes when it is due."""
        delay, event = self.reminders[-1]
        self.world.clock.at += delay
        return await self.hear(event)

    async def until_given_up(self) -> "Story":
        stage = (await self.found()).status
        while (await self.found()).status is stage:
            await self.reminded()
        return self

    async def housekeeping(self) -> list[Event]:
        """What it sends, to be heard a second later."""
        work, world = Noting(), self.world
        stores = (world.sessions, world.verifications, world.failures, world.sent_emails, world.registrations)
        await housekeeping(NoSweep(), *stores, world.clock, work)
        found = work.recorded.events
        assert all(isinstance(each, Delayed) for each in found)
        return [each.event for each in found if isinstance(each, Delayed)]

    async def resume(self) -> "Story":
        self._said((await resume_registration(ResumeRegistration(user_id=self.user_id), self.world.registrations, self.world.clock)).events)
        return self
