"""Callers and permissions. The gateway authenticates, functions authorize."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified user. `roles`: role names ("user", "admin"). `session_id`: the session of the access token."""

    user_id: UUID
    roles: frozenset[str] = frozenset({"user"})
    session_id: UUID | None = None

    @property
    def is_admin(self) -> bool:
        return "admin" in self.roles


@dataclass(frozen=True, slots=True)
class Client:
    """The client's address, as the gateway trusts it, and its User-Agent. Either may be empty."""

    address: str = ""
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """The request that started this work. All messages and log lines that follow from it carry its correlation id. `actor`: a user id."""

    correlation_id: str
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class Allow:
    """A permission: anyone, or verified callers with one of `roles` (empty: any verified caller)."""

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
