"""A user of RabbitMQ and what it may do, in RabbitMQ's own terms (https://www.rabbitmq.com/docs/access-control)."""

from dataclasses import dataclass

NOTHING = "^$"
"""Matches no name: RabbitMQ calls the exchange without a name `amq.default` here."""


@dataclass(frozen=True)
class TopicPermission:
    """Which routing keys of a topic exchange a user may publish with (write), and with which keys it may bind to it (read)."""

    exchange: str
    write: str = NOTHING
    read: str = NOTHING


@dataclass(frozen=True)
class RabbitMQUser:
    """Regular expressions over names of exchanges and queues, anchored at both ends."""

    name: str
    configure: str = NOTHING
    write: str = NOTHING
    read: str = NOTHING
    topics: tuple[TopicPermission, ...] = ()
    """For every topic exchange that it may write to or read from: without one RabbitMQ allows all routing keys."""
