"""Verify access tokens against the sessions that have ended: the gateway's copy of auth's list.

The gateway follows `session.ended` with its reply queue, which RabbitMQ deletes with the channel. So each time the queue
is bound the whole list is read from auth; until it is read, the copy may lack sessions and no token is accepted
(`Unavailable`, 503 with Retry-After). Events that arrive while the list is read are added too.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

import orjson

from events.auth import SessionEnded
from functions.edge.gateway.api_tokens import ApiTokenExchange
from functions.edge.gateway.envelope import SOURCE
from functions.kernel import Caller, Clock, Unauthenticated, Unavailable, new_id
from functions.runtime.messaging.bus import BrokerUnavailable, Bus, NoReply, Reply, Unroutable
from functions.runtime.security.tokens import ACCESS_TOKEN_LIFETIME
from functions.wire.api_tokens import is_api_token
from functions.wire.cloudevents import new_message

LIST_FUNCTION = "auth.revoked_sessions"
LIST_TIMEOUT_SECONDS = 10.0
FIRST_RETRY_SECONDS, MAX_RETRY_SECONDS = 0.2, 5.0
WAIT_SECONDS = 2.0
"""How long a request waits for the list before it is answered with 503."""
RETENTION = 2 * ACCESS_TOKEN_LIFETIME

_log = logging.getLogger("capsule.sessions")


class Verifier(Protocol):
    def verify(self, token: str, at: datetime) -> Caller: ...


class CannotList(Exception):
    """Auth has not answered with the list. The text says why."""


@dataclass
class EndedSessions:
    """`follow` starts it. Without it no copy is ever current."""

    bus: Bus
    clock: Clock
    _ended: dict[UUID, datetime] = field(default_factory=dict)
    """Session → when its end became known here, oldest first."""
    _is_current: asyncio.Event = field(default_factory=asyncio.Event)
    _reading: "asyncio.Task[None] | None" = None

    def follow(self) -> None:
        """Follow `session.ended`. Call it before the bus is opened."""
        self.bus.subscribe([SessionEnded.type], on_event=self._on_event, on_bound=self._on_bound, on_unbound=self._on_unbound)

    async def wait_until_current(self, timeout_seconds: float) -> bool:
        """Return whether the list has been read in this time."""
        try:
            await asyncio.wait_for(self._is_current.wait(), timeout_seconds)
        except TimeoutError:
            return False
        return True

    async def has_ended(self, session_id: UUID) -> bool:
        """Raises Unavailable while the copy may lack sessions."""
        if not self._is_current.is_set():
            try:
                await asyncio.wait_for(self._is_current.wait(), WAIT_SECONDS)
            except TimeoutError:
                raise Unavailable("The list of ended sessions is not read yet.", retry_after=2) from None
        return session_id in self._ended

    def add(self, session_id: UUID) -> None:
        now = self.clock.now()
        self._ended[session_id] = now
        for known, at in list(self._ended.items()):
            if now - at < RETENTION:
                break
            del self._ended[known]

    def _on_event(self, headers: Mapping[str, str], body: bytes) -> None:
        self.add(SessionEnded.model_validate_json(body).session_id)

    def _on_bound(self) -> None:
        self._on_unbound()
        self._reading = asyncio.create_task(self._read())

    def _on_unbound(self) -> None:
        self._is_current.clear()
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    async def _read(self) -> None:
        """Read the list, again and again until auth answers."""
        delay_seconds = FIRST_RETRY_SECONDS
        while True:
            try:
                await self._read_pages()
            except (BrokerUnavailable, Unroutable, NoReply, CannotList) as error:
                _log.warning("the list of ended sessions is not read yet: %s", error or type(error).__name__)
                await asyncio.sleep(delay_seconds)
                delay_seconds = min(delay_seconds * 2, MAX_RETRY_SECONDS)
            else:
                self._is_current.set()
                return

    async def _read_pages(self) -> None:
        cursor: str | None = None
        while True:
            reply = await self._ask({} if cursor is None else {"cursor": cursor})
            if reply.outcome != "done":
                raise CannotList(f"{LIST_FUNCTION} answered with status {reply.status}")
            page = orjson.loads(reply.body)
            for text in page["items"]:
                self.add(UUID(text))
            if (cursor := page["next"]) is None:
                return

    async def _ask(self, request: Mapping[str, str]) -> Reply:
        message = new_message(LIST_FUNCTION, SOURCE, orjson.dumps(request), self.clock.now(), correlationid=str(new_id()))
        return await self.bus.request(LIST_FUNCTION, message.headers(), message.body, LIST_TIMEOUT_SECONDS, keep=False)


@dataclass(frozen=True)
class SessionVerifier:
    """Exchanges an API token, verifies the access token with the public keys, then that its session has not ended."""

    tokens: Verifier
    sessions: EndedSessions
    api_tokens: ApiTokenExchange

    async def verify(self, token: str, at: datetime) -> tuple[str, Caller]:
        """Return the access token and its caller. Raises Unauthenticated; Unavailable without public keys, a current list or an exchange."""
        api_token = token if is_api_token(token) else None
        if api_token is not None:
            token = await self.api_tokens.access_token(api_token)
        caller = self.tokens.verify(token, at)
        if caller.session_id is not None and await self.sessions.has_ended(caller.session_id):
            if api_token is not None:
                self.api_tokens.forget(api_token)
            is_session = caller.scopes is None
            raise Unauthenticated("The session of this access token has ended: sign in again." if is_session else "The API token has been revoked.")
        return token, caller
