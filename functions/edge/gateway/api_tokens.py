"""Exchange API tokens for access tokens: auth decides, and the gateway keeps each access token until shortly before it expires.

So a program that sends an API token with each request costs auth one request in 15 minutes. The access token carries the id of
the API token as its session id: once that is revoked, `session.ended` has it refused here and in every function, cached or not.
Text without a valid checksum does not reach auth, and a refusal is remembered for a minute.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

import orjson

from functions.edge.gateway.envelope import SOURCE
from functions.kernel import Clock, Unauthenticated, Unavailable, new_id
from functions.runtime.messaging.bus import BrokerUnavailable, Bus, NoReply, Unroutable
from functions.wire.api_tokens import is_well_formed
from functions.wire.cloudevents import new_message, stamp

EXCHANGE_FUNCTION = "auth.exchange_token"
EXCHANGE_TIMEOUT_SECONDS = 5.0
MAX_CONCURRENT_EXCHANGES = 16
"""A flood of unknown tokens takes no more of auth than this."""
EXPIRY_MARGIN = timedelta(seconds=30)
"""An access token with less time left is not used: its request may wait before the function verifies it."""
REFUSAL_LIFETIME = timedelta(minutes=1)
MAX_CACHED = 10_000


@dataclass(frozen=True, slots=True)
class _Exchanged:
    """An access token, or why there is none, until `valid_until`."""

    valid_until: datetime
    access_token: str = ""
    refusal: str = ""


@dataclass
class ApiTokenExchange:
    """`seal`: encrypts a secret for a context."""

    bus: Bus
    seal: Callable[[str, str], str]
    clock: Clock
    _cache: OrderedDict[bytes, _Exchanged] = field(default_factory=OrderedDict)
    """By the hash of the API token."""
    _running: "dict[bytes, asyncio.Task[_Exchanged]]" = field(default_factory=dict)
    _limit: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_CONCURRENT_EXCHANGES))

    async def access_token(self, api_token: str) -> str:
        """Return an access token. Raises Unauthenticated; Unavailable while auth does not answer."""
        if not is_well_formed(api_token):
            raise Unauthenticated("The API token is malformed: it was cut off or changed.")
        key = sha256(api_token.encode()).digest()
        exchanged = self._cache.get(key)
        if exchanged is None or self.clock.now() >= exchanged.valid_until:
            exchanged = await self._exchange_once(key, api_token)
        if exchanged.refusal:
            raise Unauthenticated(exchanged.refusal)
        return exchanged.access_token

    def forget(self, api_token: str) -> None:
        """Exchange it anew for the next request: the access token is refused, and auth says why, or issues one with another id."""
        self._cache.pop(sha256(api_token.encode()).digest(), None)

    async def _exchange_once(self, key: bytes, api_token: str) -> _Exchanged:
        """Requests with the same token wait for one exchange."""
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(self._exchange(key, api_token))
            task.add_done_callback(lambda _: self._running.pop(key, None))
        return await asyncio.shield(task)

    async def _exchange(self, key: bytes, api_token: str) -> _Exchanged:
        now = self.clock.now()
        body = orjson.dumps({"token": self.seal(EXCHANGE_FUNCTION.partition(".")[0], api_token)})
        deadline = stamp(now + timedelta(seconds=EXCHANGE_TIMEOUT_SECONDS))
        message = new_message(EXCHANGE_FUNCTION, SOURCE, body, now, correlationid=str(new_id()), deadline=deadline)
        try:
            async with self._limit:
                reply = await self.bus.request(EXCHANGE_FUNCTION, message.headers(), message.body, EXCHANGE_TIMEOUT_SECONDS, keep=False)
        except (BrokerUnavailable, Unroutable, NoReply) as error:
            raise Unavailable("API tokens cannot be verified right now.", retry_after=2) from error
        answer = orjson.loads(reply.body)
        if reply.outcome == "done":
            lifetime = timedelta(seconds=answer["expiresIn"])
            exchanged = _Exchanged(now + lifetime - EXPIRY_MARGIN, access_token=answer["accessToken"])
        elif reply.status == Unauthenticated.status:
            exchanged = _Exchanged(now + REFUSAL_LIFETIME, refusal=str(answer["detail"]))
        else:
            raise Unavailable(f"{EXCHANGE_FUNCTION} answered with status {reply.status}.", retry_after=2)
        self._cache[key] = exchanged
        self._cache.move_to_end(key)
        while len(self._cache) > MAX_CACHED:
            self._cache.popitem(last=False)
        return exchanged
