"""The router of the broker's dead letters (`CAPSULE_FUNCTION=runtime.dead_letters`). Stateless: it stores nothing itself.

It receives what no function could store: transport failures (code -1: refused, timed out, dropped prefetched messages; 502:
the process died while handling) and 5xx of a function that reached neither database nor broker. No function has finished any
of them, so each returns to its function, up to MAX_REDELIVERIES times. After that it returns once more with the attribute
`deadletter`, which makes the function's runtime store it instead of handling it. A message that belongs to no function goes
to a durable queue.

If even that fails the router answers 5xx; the dispatcher retries and finally loses the message. So nothing here may fail
because of a message's content.
"""

import logging
import re
from datetime import timedelta
from urllib.parse import unquote, urlparse

from functions.kernel import Clock
from functions.runtime.messaging import delays
from functions.runtime.messaging.bus import Bus, Unroutable
from functions.runtime.messaging.exchanges import REDELIVERY
from functions.wire.cloudevents import Message

FUNCTION = "runtime.dead_letters"
UNROUTABLE = "capsule.unroutable"
"""A fanout exchange, and the durable queue behind it, for messages that belong to no function."""

MAX_REDELIVERIES = 10
STORE_RETRY_DELAY = timedelta(minutes=5)
"""Between attempts to have a message stored by a function that does not start."""

TRANSPORT_FAILURE = "-1"
FUNCTION_PATH = re.compile(r"^/([a-z]+\.(?:[a-z_0-9]+|\*))$")

_log = logging.getLogger("capsule.dead_letter_router")


def destination(message: Message) -> str | None:
    """Return the function that the dispatcher called, `auth.register`, or its group, `auth.*`: the path of the URL in `knativeerrordest`."""
    url = message.get("knativeerrordest")
    if url is None:
        return None
    match = FUNCTION_PATH.match(unquote(urlparse(url).path))
    return match.group(1) if match else message.type


class DeadLetterRouter:
    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock

    async def handle(self, message: Message) -> None:
        """Send a message back, have it stored, or set it aside. Raises BrokerUnavailable."""
        function = destination(message)
        if function is None or function == FUNCTION:
            await self._set_aside(message)
            return
        code = message.get("knativeerrorcode") or TRANSPORT_FAILURE
        redelivery = message.number("redelivery")
        original = message.with_attributes(knativeerrordest=None, knativeerrorcode=None, knativeerrordata=None)
        try:
            if redelivery < MAX_REDELIVERIES:
                await self._redeliver(function, original, redelivery, code)
            else:
                await self._request_storage(function, original, code)
        except Unroutable:
            await self._set_aside(message)

    async def _redeliver(self, function: str, message: Message, redelivery: int, code: str) -> None:
        now = self._clock.now()
        is_first_transport_failure = code == TRANSPORT_FAILURE and redelivery == 0
        delay = timedelta(seconds=1 if is_first_transport_failure else delays.backoff_seconds(redelivery + 1, 1.0))
        await delays.delay(self._bus, function, message.with_attributes(redelivery=str(redelivery + 1)), now + delay, now)

    async def _request_storage(self, function: str, message: Message, code: str) -> None:
        detail = "it did not reach the function" if code == TRANSPORT_FAILURE else f"the function answered {code}"
        marked = message.with_attributes(deadletter="undelivered", deadletterdetail=f"{detail}, {MAX_REDELIVERIES} times", due=None)
        if message.get("deadletter"):  # the function did not start to store it either: repeat at long intervals until it does
            now = self._clock.now()
            await delays.delay(self._bus, function, marked, now + STORE_RETRY_DELAY, now)
        else:
            await self._bus.publish(REDELIVERY, function, marked.headers(), marked.body, mandatory=True)

    async def _set_aside(self, message: Message) -> None:
        _log.warning("message %s of type %s belongs to no function; it is kept in %s", message.id, message.type, UNROUTABLE)
        await self._bus.publish(UNROUTABLE, "", message.headers(), message.body, mandatory=True)
