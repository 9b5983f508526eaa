"""Who asks, from where, and who may: the gateway authenticates, functions authorize."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified user. `roles` are role names ("user", "admin"); `session_id` is the session whose access token was shown."""

    user_id: UUID
    roles: frozenset[str] = frozenset({"user"})
    session_id: UUID | None = None

    @property
    def is_admin(self) -> bool:
        return "admin" in self.roles


@dataclass(frozen=True, slots=True)
class Client:
    """The device at the other end: its address (as the gateway trusts it) and its User-Agent, both possibly empty."""

    address: str = ""
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where this piece of work began: one correlation id leads from the request to the bill."""

    correlation_id: str
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class Allow:
    """A permission: anyone, or a verified caller who has one of `roles` (an empty set: any verified caller)."""

    name: str
    anyone: bool = False
    roles: frozenset[str] = frozenset()

    def admits(self, caller: Caller | None) -> bool:
        if self.anyone:
            return True
        return caller is not None and (not self.roles or not self.roles.isdisjoint(caller.roles))


ANYONE = Allow("anyone", anyone=True)
SIGNED_IN = Allow("signed-in")
ADMIN = Allow("admin", roles=frozenset({"admin"}))
