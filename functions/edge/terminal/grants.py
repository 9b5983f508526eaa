"""What deploy answers about a ticket, a command and its pod or a data service, through `capsule.commands`."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import orjson

from functions.kernel import Clock, Unavailable, new_id
from functions.runtime.messaging.bus import BrokerUnavailable, NoReply, Reply, Unroutable
from functions.wire.cloudevents import new_message

SOURCE = "/capsule/terminal"
TIMEOUT_SECONDS = 10.0
ACCESS_TIMEOUT_SECONDS = 2.0
"""Short, as the check repeats and other checks of the connection wait for it."""


class Refused(Exception):
    """Deploy does not allow it. The text says why, for the client."""


class Requester(Protocol):
    async def request(self, routing_key: str, headers: dict[str, str], body: bytes, timeout: float, keep: bool = True) -> Reply: ...


@dataclass(frozen=True, slots=True)
class Grant:
    """What a redeemed ticket allows."""

    application_id: UUID
    run_id: UUID
    user_id: UUID
    session_id: UUID | None
    namespace: str
    container: str
    has_terminal: bool
    is_waiting: bool
    ends_at: datetime

    @classmethod
    def of(cls, view: Mapping[str, Any]) -> "Grant":
        return cls(
            UUID(view["applicationId"]),
            UUID(view["runId"]),
            UUID(view["userId"]),
            UUID(view["sessionId"]) if view["sessionId"] else None,
            view["namespace"],
            view["container"],
            view["hasTerminal"],
            view["isWaiting"],
            datetime.fromisoformat(view["endsAt"]),
        )

    @property
    def run(self) -> Mapping[str, str]:
        return {"applicationId": str(self.application_id), "runId": str(self.run_id)}


@dataclass(frozen=True, slots=True)
class TunnelGrant:
    """What the ticket of a tunnel allows now."""

    id: UUID
    application_id: UUID
    service: str
    user_id: UUID
    session_id: UUID | None
    host: str
    port: int
    accepts_until: datetime
    ends_at: datetime

    @classmethod
    def of(cls, view: Mapping[str, Any]) -> "TunnelGrant":
        return cls(
            UUID(view["id"]),
            UUID(view["applicationId"]),
            view["service"],
            UUID(view["userId"]),
            UUID(view["sessionId"]) if view["sessionId"] else None,
            view["host"],
            view["port"],
            datetime.fromisoformat(view["acceptsUntil"]),
            datetime.fromisoformat(view["endsAt"]),
        )


class Grants:
    def __init__(self, requester: Requester, clock: Clock) -> None:
        self._requester, self._clock = requester, clock

    async def redeem(self, ticket: str) -> Grant:
        """Raises Refused, Unavailable."""
        return Grant.of(await self._ask("deploy.redeem_attach_ticket", {"tokenHash": _hash(ticket)}))

    async def find_tunnel(self, ticket: str, timeout: float = TIMEOUT_SECONDS) -> TunnelGrant:
        """Raises Refused also when the user may no longer connect to the service, Unavailable."""
        return TunnelGrant.of(await self._ask("deploy.service_tunnel", {"tokenHash": _hash(ticket)}, timeout))

    async def find_pod(self, grant: Grant) -> str | None:
        """Return the pod in which the command runs; None before. Raises Refused after its end, Unavailable."""
        view = await self._ask("deploy.run_pod", grant.run)
        if view["hasEnded"]:
            raise Refused(f"The command has ended. See its result: capsule runs show {grant.run_id}")
        return view["pod"] and str(view["pod"])

    async def is_allowed(self, grant: Grant) -> bool:
        """Whether the user may still run commands in the environment. Raises Unavailable."""
        try:
            view = await self._ask("deploy.run_access", {**grant.run, "userId": str(grant.user_id)}, ACCESS_TIMEOUT_SECONDS)
        except Refused:
            return False
        return bool(view["isAllowed"])

    async def record_attachment(self, grant: Grant) -> None:
        """Raises Refused, Unavailable."""
        await self._ask("deploy.record_attachment", grant.run)

    async def _ask(self, function: str, request: Mapping[str, str], timeout: float = TIMEOUT_SECONDS) -> Any:
        message = new_message(function, SOURCE, orjson.dumps(request), self._clock.now(), correlationid=str(new_id()))
        try:
            reply = await self._requester.request(function, message.headers(), message.body, timeout)
        except (BrokerUnavailable, Unroutable, NoReply) as error:
            raise Unavailable(f"{function} does not answer.", retry_after=2) from error
        document = orjson.loads(reply.body) if reply.body else None
        if reply.outcome == "done":
            return document
        detail = (document or {}).get("detail") or (document or {}).get("title") or f"{function} answered with status {reply.status}."
        if reply.status >= 500:
            raise Unavailable(detail, retry_after=2)
        raise Refused(detail)


def _hash(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()
