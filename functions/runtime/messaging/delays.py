"""The delay exchange, the platform's only clock for retries, rate limits and saga timeouts.

For each level there is an exchange with one quorum queue. Its messages expire after the level's time and are dead-lettered, at
least once, to `capsule.commands` under their routing key: the name of the one function they are for. A delay between two
levels is served in several legs: the message carries `due`, and a function that receives it earlier sends it round again.

The exchanges are topic exchanges, bound with `#`: RabbitMQ authorizes routing keys on topic exchanges only, so a context may
name its own functions and no others.
"""

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from functions.runtime.messaging.bus import Bus
from functions.runtime.messaging.exchanges import COMMANDS
from functions.wire.cloudevents import Message, stamp

LEVELS_SECONDS = (1, 5, 15, 60, 300, 900, 3600)
MAX_BACKOFF_SECONDS = float(LEVELS_SECONDS[-1])

TOLERANCE = timedelta(milliseconds=500)
"""A message that arrives this much before it is due is handled."""


def exchange_of(level_seconds: int) -> str:
    return f"capsule.delay.{level_seconds}s"


EXCHANGES = tuple(exchange_of(level) for level in LEVELS_SECONDS)


def queue_arguments(level_seconds: int) -> Mapping[str, Any]:
    return {
        "x-queue-type": "quorum",
        "x-message-ttl": level_seconds * 1000,
        "x-dead-letter-exchange": COMMANDS,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def level_for(seconds: float) -> int:
    """Return the longest level that does not exceed the delay, or the shortest level."""
    return max((level for level in LEVELS_SECONDS if level <= seconds), default=LEVELS_SECONDS[0])


def backoff_seconds(attempt: int, first_delay_seconds: float, jitter: float | None = None) -> float:
    """Return the delay after so many attempts: doubles up to an hour, with full jitter on the upper half. `jitter`: 0 to 1, default random."""
    spread = random.random() if jitter is None else jitter
    longest = min(first_delay_seconds * 2.0 ** (attempt - 1), MAX_BACKOFF_SECONDS)
    return longest * (0.5 + 0.5 * spread)


def is_early(message: Message, now: datetime) -> bool:
    return message.due is not None and message.due - now > TOLERANCE


async def delay(bus: Bus, function: str, message: Message, until: datetime, now: datetime) -> None:
    """Send a message to one function, to be handled at `until`. Raises BrokerUnavailable and Unroutable."""
    exchange, delayed = route(address_to(message, function), until, max((until - now).total_seconds(), 0.0))
    await bus.publish(exchange, function, delayed.headers(), delayed.body, mandatory=True)


def address_to(message: Message, function: str) -> Message:
    """Return the message with its function as an attribute: functions of a group share a queue, and several may take its type.

    `auth.*` is a group's own address and needs no attribute.
    """
    return message if function.endswith(".*") else message.with_attributes(function=function)


def route(message: Message, until: datetime, seconds: float) -> tuple[str, Message]:
    """Return the exchange of the first leg, and the message with `due`."""
    return exchange_of(level_for(seconds)), message.with_attributes(due=stamp(until))
