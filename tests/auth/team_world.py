"""All contexts in memory with three registered users and their teams."""

from dataclasses import replace
from uuid import UUID

from pydantic import SecretStr

from events.auth import UserCreated
from functions.auth import ports as auth
from functions.auth.commands.accept_invitation import AcceptInvitation
from functions.auth.commands.create_team import CreateTeam
from functions.auth.commands.invite_member import InviteMember
from functions.auth.domain.email import Email
from functions.auth.domain.email_limits import EmailKind
from functions.auth.domain.user import User
from functions.deploy.commands.create_application import CreateApplication
from functions.kernel import Caller, Role
from tests.capsule import Capsule

ADA, BOB, EVE = (Caller(UUID(int=number)) for number in (11, 12, 13))
EMAILS = {ADA: "ada@example.org", BOB: "bob@example.org", EVE: "eve@example.org"}
PASSWORD = "correct horse battery staple"


class TeamWorld(Capsule):
    async def prepare(self) -> None:
        for caller, email in EMAILS.items():
            user, _ = User.register(Email(email), await self.port(auth.Hasher).rehash(PASSWORD), self.clock.now())
            user = replace(user, id=caller.user_id, email_verified_at=self.clock.now())
            await self.port(auth.Users).add(user)
            await self.publish(UserCreated(user_id=user.id, email=email, at=user.registered_at))
        self.published.clear()

    def recently(self, caller: Caller) -> Caller:
        """The caller with a password that was entered just now."""
        return replace(caller, authenticated_at=self.clock.now())

    async def team(self, owner: Caller) -> UUID:
        created = await self.call(CreateTeam(name="crew"), caller=owner)
        await self.settle()
        assert isinstance(created.id, UUID)
        return created.id

    async def join(self, team: UUID, user: Caller, role: Role) -> None:
        """Invite a user as the team's first owner, and accept."""
        [owner, *_] = [each.membership for each in await self.port(auth.Teams).list_members(team) if each.membership.role is Role.OWNER]
        await self.call(InviteMember(team_id=team, email=EMAILS[user], role=role), caller=self.recently(Caller(owner.user_id)))
        await self.settle()
        token = self.port(auth.Mailer).tokens(EmailKind.INVITATION)[-1]
        await self.call(AcceptInvitation(token=SecretStr(token)), caller=user)
        await self.settle()

    async def application(self, caller: Caller, team: UUID | None, name: str = "shared") -> UUID:
        request = CreateApplication(name=name, repository="https://samples.localhost/hello.git", team_id=team)
        created = await self.call(request, caller=caller)
        await self.settle()
        assert isinstance(created.id, UUID)
        return created.id
