"""The auth context over memory: what its use cases need, and a clock that stands until it is moved."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from events.auth import RegistrationRepeated, UserCreated
from functions.auth.commands.login import Login, login
from functions.auth.commands.refresh import Refresh, refresh
from functions.auth.commands.register import Register, RegistrationAccepted, register
from functions.auth.commands.verify_email import VerifiedEmailView, VerifyEmail, verify_email
from functions.auth.domain.views import SessionView
from functions.auth.handlers.on_user_created import on_user_created
from functions.kernel import Client, Delayed, Done, Event, Origin, Rejected
from tests.memory import auth as memory

ADDRESS, PASSWORD = "ada@example.org", "correct horse battery staple"


class StandingClock:
    def __init__(self) -> None:
        self.at = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def forward(self, **by: float) -> None:
        self.at += timedelta(**by)


class Recorded:
    def __init__(self) -> None:
        self.events: list[Event | Delayed] = []

    def emit(self, *events: Event | Delayed) -> None:
        self.events.extend(events)


class PlainWork:
    """Notes which transactions were opened, in their order, and refuses one inside another."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.open = False

    @asynccontextmanager
    async def _transaction(self, name: str) -> AsyncIterator[None]:
        assert not self.open, "a transaction is open already"
        self.steps.append(name)
        self.open = True
        try:
            yield
        finally:
            self.open = False

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        async with self._transaction("reading"):
            yield

    @asynccontextmanager
    async def preparing(self) -> AsyncIterator[None]:
        async with self._transaction("preparing"):
            yield

    @asynccontextmanager
    async def recording(self) -> AsyncIterator[Recorded]:
        async with self._transaction("recording"):
            yield Recorded()


@dataclass
class World:
    clock: StandingClock = field(default_factory=StandingClock)
    users: memory.MemoryUsers = field(default_factory=memory.MemoryUsers)
    registrations: memory.MemoryRegistrations = field(default_factory=memory.MemoryRegistrations)
    sessions: memory.MemorySessions = field(default_factory=memory.MemorySessions)
    verifications: memory.MemoryVerificationTokens = field(default_factory=memory.MemoryVerificationTokens)
    sent_emails: memory.MemorySentEmails = field(default_factory=memory.MemorySentEmails)
    failures: memory.MemoryLoginFailures = field(default_factory=memory.MemoryLoginFailures)
    hasher: memory.PlainHasher = field(default_factory=memory.PlainHasher)
    mailer: memory.MemoryMailer = field(default_factory=memory.MemoryMailer)
    email_tokens: memory.PlainEmailTokens = field(default_factory=memory.PlainEmailTokens)
    access_tokens: memory.PlainAccessTokens = field(default_factory=memory.PlainAccessTokens)
    client: Client = field(default_factory=lambda: Client("203.0.113.7", "curl/8"))

    async def register(self, email: str = ADDRESS, password: str = PASSWORD) -> UserCreated | RegistrationRepeated:
        asked = Register(email=email, password=SecretStr(password))
        done: Done[RegistrationAccepted] = await register(asked, self.users, self.registrations, self.hasher, Origin("correlation-1"), self.clock)
        event = done.events[0]
        assert isinstance(event, UserCreated | RegistrationRepeated)
        return event

    async def mail_verification(self, created: UserCreated) -> str:
        """The token that the mail carries."""
        await on_user_created(created, self.users, self.verifications, self.sent_emails, self.email_tokens, self.mailer, self.clock, PlainWork())
        return self.mailer.verifications[-1][2]

    async def verify(self, token: str) -> Done[VerifiedEmailView]:
        return await verify_email(VerifyEmail(token=SecretStr(token)), self.verifications, self.users, self.clock)

    async def verified_user(self) -> UserCreated:
        created = await self.register()
        assert isinstance(created, UserCreated)
        await self.verify(await self.mail_verification(created))
        return created

    async def login(self, email: str = ADDRESS, password: str = PASSWORD) -> Done[SessionView] | Rejected:
        asked = Login(email=email, password=SecretStr(password))
        return await login(asked, self.users, self.failures, self.hasher, self.sessions, self.access_tokens, self.client, self.clock)

    async def signed_in(self) -> SessionView:
        done = await self.login()
        assert isinstance(done, Done)
        return done.output

    async def refresh(self, token: str) -> Done[SessionView] | Rejected:
        return await refresh(Refresh(refresh_token=SecretStr(token)), self.sessions, self.users, self.access_tokens, self.client, self.clock)
