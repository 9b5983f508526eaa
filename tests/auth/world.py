"""The auth context in memory, with the requests of its users. Events of other contexts are published by the test."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

from pydantic import SecretStr

from events.auth import RegistrationRepeated, UserCreated
from events.billing import CustomerCreated, PaymentAccountChanged
from events.deploy import QuotaGranted
from functions.auth import ports
from functions.auth.commands.login import Login
from functions.auth.commands.logout import Logout
from functions.auth.commands.refresh import Refresh
from functions.auth.commands.register import Register
from functions.auth.commands.resend_verification import ResendVerification
from functions.auth.commands.resume_registration import ResumeRegistration
from functions.auth.commands.verify_email import VerifiedEmailView, VerifyEmail
from functions.auth.domain.registration import Registration
from functions.auth.domain.views import RegistrationView, SessionView
from functions.auth.queries.audit import ListAudit
from functions.auth.queries.registration import ShowRegistration
from functions.auth.queries.registrations import ListRegistrations
from functions.kernel import Caller, Client, Event
from tests.capsule import Capsule
from tests.memory import auth as memory
from tests.memory import auth_accounts

ADDRESS, PASSWORD = "ada@example.org", "correct horse battery staple"
ADMIN = Caller(UUID(int=3), frozenset({"user", "admin"}))
E = TypeVar("E", bound=Event)


class World(Capsule):
    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        super().__init__("auth", settings=settings)
        self.users: memory.MemoryUsers = self.port(ports.Users)
        self.registrations: memory.MemoryRegistrations = self.port(ports.Registrations)
        self.sessions: memory.MemorySessions = self.port(ports.Sessions)
        self.verifications: memory.MemoryVerificationTokens = self.port(ports.VerificationTokens)
        self.sent_emails: memory.MemorySentEmails = self.port(ports.SentEmails)
        self.failures: memory.MemoryLoginFailures = self.port(ports.LoginFailures)
        self.hasher: memory.PlainHasher = self.port(ports.Hasher)
        self.mailer: auth_accounts.MemoryMailer = self.port(ports.Mailer)
        self.administrators: memory.MemoryAdministrators = self.port(ports.Administrators)
        self.client = Client("203.0.113.7", "curl/8")

    # -- accounts -----------------------------------------------------------------------------------------------------

    async def register(self, email: str = ADDRESS, password: str = PASSWORD) -> UserCreated | RegistrationRepeated:
        """Register and return the published event. `settle` sends the e-mail."""
        await self.call(Register(email=email, password=SecretStr(password)))
        event = self.published[-1].event
        assert isinstance(event, UserCreated | RegistrationRepeated)
        return event

    async def registered(self, email: str = ADDRESS) -> tuple[UserCreated, str]:
        """Register and receive the e-mail: the event and the verification token."""
        created = await self.register(email)
        assert isinstance(created, UserCreated)
        await self.settle()
        return created, self.mailer.verifications[-1][2]

    async def verify(self, token: str, password: str = PASSWORD) -> VerifiedEmailView:
        view = await self.call(VerifyEmail(token=SecretStr(token), password=SecretStr(password)))
        assert isinstance(view, VerifiedEmailView)
        return view

    async def verified_user(self) -> UserCreated:
        created, token = await self.registered()
        await self.verify(token)
        return created

    async def signed_in_user(self) -> tuple[Caller, SessionView]:
        created = await self.verified_user()
        session = await self.login()
        return self.caller(created, session), session

    async def resend(self, email: str = ADDRESS) -> None:
        await self.call(ResendVerification(email=email))
        await self.settle()

    def suspend(self, user_id: UUID) -> None:
        """As a suspension that commits between two steps of a sign-in: no session ends."""
        self.users.rows[user_id].suspended_at = self.clock.now()

    async def refusals(self, function: str) -> list[tuple[str | None, UUID | None]]:
        """Reason and user of each rejection of a function in the audit log, newest first."""
        await self.settle()
        found = (await self.call(ListAudit(action=function), caller=ADMIN)).items
        return [(each.reason, each.user_id) for each in found if each.outcome == "rejected"]

    # -- sessions -----------------------------------------------------------------------------------------------------

    async def login(self, email: str = ADDRESS, password: str = PASSWORD) -> SessionView:
        view = await self.call(Login(email=email, password=SecretStr(password)), client=self.client)
        assert isinstance(view, SessionView)
        return view

    @staticmethod
    def caller(created: UserCreated, session: SessionView) -> Caller:
        return Caller(created.user_id, session_id=UUID(session.session_id))

    async def refresh(self, token: str) -> SessionView:
        view = await self.call(Refresh(refresh_token=SecretStr(token)), client=self.client)
        assert isinstance(view, SessionView)
        return view

    async def logout(self, caller: Caller) -> None:
        await self.call(Logout(), caller=caller)

    async def list_registrations(self, **request: Any) -> list[RegistrationView]:
        page = await self.call(ListRegistrations(**request), caller=ADMIN)
        return list(page.items)


class RegistrationScenario:
    """One registration. The test publishes the events of the other contexts."""

    def __init__(self, world: World | None = None) -> None:
        self.world = world or World()
        self.user_id, self.customer_id = uuid4(), uuid4()
        self._first = 0

    async def start(self, email: str = ADDRESS) -> "RegistrationScenario":
        created = await self.world.register(email)
        assert isinstance(created, UserCreated)
        await self.world.settle()
        self.user_id = created.user_id
        self._first = len(self.world.published)
        return self

    @property
    def now(self) -> datetime:
        return self.world.clock.now()

    @property
    def requested(self) -> list[Event]:
        """Events that the registration has published since its start."""
        return [each.event for each in self.world.published[self._first :]]

    async def stored(self) -> Registration:
        registration = await self.world.registrations.get(self.user_id)
        assert registration is not None
        return registration

    async def show(self) -> RegistrationView:
        view = await self.world.call(ShowRegistration(), caller=Caller(self.user_id))
        assert isinstance(view, RegistrationView)
        return view

    async def publish_customer_created(self) -> None:
        await self.world.publish(CustomerCreated(customer_id=self.customer_id, user_id=self.user_id, plan="free", at=self.now))

    async def publish_quota_granted(self) -> None:
        await self.world.publish(QuotaGranted(user_id=self.user_id, applications=5, memory_mib=2560, at=self.now))

    async def publish_account_changed(self, status: str, detail: str = "") -> None:
        await self.world.publish(PaymentAccountChanged(customer_id=self.customer_id, user_id=self.user_id, status=status, detail=detail, at=self.now))

    def reminder_delay(self) -> timedelta:
        """How long until the registration's next reminder."""
        due, _ = self.world.reminders()[-1]
        return due - self.now

    async def wait_for_reminder(self) -> None:
        await self.world.advance(until=self.world.reminders()[-1][0])

    async def wait_until_the_step_fails(self) -> None:
        status = (await self.stored()).status
        while (await self.stored()).status is status:
            await self.wait_for_reminder()

    def lose_reminders(self) -> None:
        """Drop all delayed messages, as if the broker had lost them."""
        self.world.forget_delayed()

    async def housekeeping(self) -> list[Event]:
        """Run housekeeping and deliver the reminders it sends. Returns them."""
        await self.world.run("auth.housekeeping")
        reminders = [event for _, event in self.world.reminders()]
        await self.world.advance(seconds=1)
        return reminders

    async def resume(self) -> None:
        await self.world.call(ResumeRegistration(user_id=self.user_id), caller=ADMIN)
        await self.world.settle()
