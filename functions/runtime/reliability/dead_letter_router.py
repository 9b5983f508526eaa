"""The sink of the broker's dead letters (`CAPSULE_FUNCTION=runtime.dead_letters`): a stateless router that stores nothing itself.

Only what no function could keep comes here: transport failures (code -1: refused, timed out, drained prefetch; 502: its process died in the
middle) and 5xx of a function that had neither database nor broker. No function has seen any of them to its end, so they go back to their function
by themselves, a bounded number of times. What exceeds the bound goes to its function marked `deadletter`, which makes the function's runtime store it
in its context's database instead of handling it. What names no function rests in a durable queue. If even that is impossible this answers
5xx; the dispatcher tries again and, in the end, loses it: so there is nothing here that could fail on a message's content.
"""

import logging
import re
from datetime import timedelta
from urllib.parse import unquote, urlparse

from functions.kernel import Clock
from functions.runtime.messaging import delays
from functions.runtime.messaging.bus import REDELIVERY, Bus, Unroutable
from functions.wire.cloudevents import Message

FUNCTION = "runtime.dead_letters"
UNROUTABLE = "capsule.unroutable"
"""A fanout exchange and the durable queue behind it, for what belongs to no function."""

MOST_REDELIVERIES = 10
NOBODY_THERE = timedelta(minutes=5)
"""Between two tries of having a message stored by a function that does not even start."""

TRANSPORT_FAILURE = "-1"
PLATFORM_FUNCTION = re.compile(r"^/([a-z]+\.(?:[a-z_0-9]+|\*))$")

_log = logging.getLogger("capsule.undelivered")


def destination(message: Message) -> str | None:
    """The function it was meant for, `auth.register`, or its group, `auth.*`: the path of the URL that the dispatcher called."""
    called = message.get("knativeerrordest")
    if called is None:
        return None
    found = PLATFORM_FUNCTION.match(unquote(urlparse(called).path))
    return found.group(1) if found else message.type


class DeadLetterRouter:
    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock

    async def handle(self, message: Message) -> None:
        """Raises BrokerUnavailable if RabbitMQ does not take it."""
        function = destination(message)
        if function is None or function == FUNCTION:
            await self._rest(message)
            return
        code = message.get("knativeerrorcode") or TRANSPORT_FAILURE
        redelivery = message.number("redelivery")
        plain = message.with_attributes(knativeerrordest=None, knativeerrorcode=None, knativeerrordata=None)
        try:
            if redelivery < MOST_REDELIVERIES:
                await self._send_back(function, plain, redelivery, code)
            else:
                await self._store(function, plain, code)
        except Unroutable:
            await self._rest(message)

    async def _send_back(self, function: str, message: Message, redelivery: int, code: str) -> None:
        now = self._clock.now()
        wait = timedelta(seconds=1 if code == TRANSPORT_FAILURE and redelivery == 0 else delays.backoff(redelivery + 1, 1.0))
        again = message.with_attributes(redelivery=str(redelivery + 1))
        await delays.delay(self._bus, function, again, now + wait, now)

    async def _store(self, function: str, message: Message, code: str) -> None:
        detail = "it never reached the function" if code == TRANSPORT_FAILURE else f"the function answered {code}"
        marked = message.with_attributes(deadletter="undelivered", deadletterdetail=f"{detail}, {MOST_REDELIVERIES} times", due=None)
        if message.get("deadletter"):  # nobody was there to store it either: until somebody is, it comes by now and then
            now = self._clock.now()
            await delays.delay(self._bus, function, marked, now + NOBODY_THERE, now)
        else:
            await self._bus.publish(REDELIVERY, function, marked.headers(), marked.body, mandatory=True)

    async def _rest(self, message: Message) -> None:
        _log.warning("message %s of type %s belongs to no function; it rests in %s", message.id, message.type, UNROUTABLE)
        await self._bus.publish(UNROUTABLE, "", message.headers(), message.body, mandatory=True)
