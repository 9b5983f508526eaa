"""A RabbitMQ user and its permissions, in RabbitMQ's terms (https://www.rabbitmq.com/docs/access-control)."""

from dataclasses import dataclass

NOTHING = "^$"
"""Matches no name. RabbitMQ calls the default exchange `amq.default` when it checks permissions."""


@dataclass(frozen=True)
class TopicPermission:
    """The routing keys with which a user may publish to a topic exchange (write) and bind to it (read)."""

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
    """One for every topic exchange that it may write to or read from: without it RabbitMQ allows all routing keys."""
    tags: tuple[str, ...] = ()
    """`management`: it may read the management API about its virtual hosts. Messages need the permissions above."""
