"""The delay exchange, the platform's only clock: retries, rate-limit waits and saga timeouts.

For each level there is one exchange with one quorum queue behind it, whose messages expire after that time and are dead-lettered, at least
once, to `capsule.commands` under their routing key: the name of the one function they are for. A wait between two levels is served in several
legs: the message says when it is `due`, and a function that gets it earlier sends it round again.

It is a topic exchange, bound to its queue with `#`. Only for a topic exchange does RabbitMQ authorize the routing key, so a context may name its own
functions and no others.
"""

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from functions.runtime.messaging.bus import COMMANDS, Bus
from functions.wire.cloudevents import Message, stamp

LEVELS = (1, 5, 15, 60, 300, 900, 3600)
"""Seconds."""

SLACK = timedelta(milliseconds=500)


def exchange_of(level: int) -> str:
    return f"capsule.delay.{level}s"


EXCHANGES = tuple(exchange_of(level) for level in LEVELS)


def queue_arguments(level: int) -> Mapping[str, Any]:
    return {
        "x-queue-type": "quorum",
        "x-message-ttl": level * 1000,
        "x-dead-letter-exchange": COMMANDS,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def level_for(seconds: float) -> int:
    """The longest level that is not over the wait, or the shortest there is."""
    return max((level for level in LEVELS if level <= seconds), default=LEVELS[0])


def backoff(attempt: int, first: float, jitter: float | None = None) -> float:
    """Seconds before the next try after `attempt` tries: doubling up to an hour, with full jitter on the upper half."""
    spread = random.random() if jitter is None else jitter
    longest = min(first * 2.0 ** (attempt - 1), float(LEVELS[-1]))
    return longest * (0.5 + 0.5 * spread)


def is_early(message: Message, now: datetime) -> bool:
    return message.due is not None and message.due - now > SLACK


async def delay(bus: Bus, function: str, message: Message, until: datetime, now: datetime) -> None:
    """Sends the message to that function alone, to be handled at `until`. Raises BrokerUnavailable."""
    exchange, later = route(addressed(message, function), until, max((until - now).total_seconds(), 0.0))
    await bus.publish(exchange, function, later.headers(), later.body, mandatory=True)


def addressed(message: Message, function: str) -> Message:
    """The message says itself whose it is: in a group of functions, which share a queue, others may take its type too. (`auth.*` is such a group's
    own address.)"""
    return message if function.endswith(".*") else message.with_attributes(function=function)


def route(message: Message, until: datetime, seconds: float) -> tuple[str, Message]:
    """Which exchange takes it for its first leg, and what it then says."""
    return exchange_of(level_for(seconds)), message.with_attributes(due=stamp(until))
