"""RabbitMQ's queues of this installation, as its management API reports them. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

NAMESPACE = "capsule"
_UID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_OF_TRIGGER = re.compile(rf"{NAMESPACE}\.([a-z0-9-]+)\.{_UID}")
"""`<namespace>.<trigger>.<UID of the Broker>` (eventing-rabbitmq, pkg/rabbit, CreateTriggerQueueName)."""
_OF_BROKER = re.compile(rf"b\.{NAMESPACE}\.[a-z0-9-]+\.dlq\..*")
_OF_REPLIES = re.compile(rf"{NAMESPACE}\.replies\..*")
_UNROUTABLE = f"{NAMESPACE}.unroutable"
_OWN = re.compile(rf"{NAMESPACE}\.[a-z0-9.-]+")


class QueueKind(StrEnum):
    FUNCTION = "function"
    """Messages for the functions of one Service."""
    DELAY = "delay"
    """Retries and reminders that are not due yet: they wait here on purpose."""
    UNROUTABLE = "unroutable"
    """Messages that belong to no function. An operator removes them."""
    DEAD_LETTER = "dead-letter"
    """Undelivered messages on their way to the dead-letter router."""


@dataclass(frozen=True, slots=True)
class Queue:
    name: str
    kind: QueueKind
    service: str | None
    """The Service that the messages are for; None for other kinds."""
    ready: int
    """Messages that no consumer has yet."""
    unacknowledged: int
    """Messages that a consumer has and has not finished."""
    consumers: int
    state: str
    """RabbitMQ's word: `running`, `idle`, `down`, …"""

    @property
    def is_stuck(self) -> bool:
        """Whether messages wait and nothing takes them."""
        if self.kind is QueueKind.UNROUTABLE:
            return self.ready > 0
        return self.kind is not QueueKind.DELAY and self.ready > 0 and not self.consumers


def read_queues(reported: Iterable[Mapping[str, Any]]) -> list[Queue]:
    """Read the queues of Capsule: those with the most messages first. Left out: reply queues, and queues of other users of the server."""
    found = [_read(each) for each in reported if _kind_of(str(each["name"])) is not None]
    return sorted(found, key=lambda each: (not each.is_stuck, -(each.ready + each.unacknowledged), each.name))


def _read(queue: Mapping[str, Any]) -> Queue:
    name = str(queue["name"])
    kind = _kind_of(name)
    assert kind is not None
    trigger = _OF_TRIGGER.fullmatch(name)
    return Queue(
        name,
        kind,
        trigger[1] if trigger else None,
        # a queue that was declared a moment ago has no numbers yet
        ready=int(queue.get("messages_ready") or 0),
        unacknowledged=int(queue.get("messages_unacknowledged") or 0),
        consumers=int(queue.get("consumers") or 0),
        state=str(queue.get("state") or "running"),
    )


def _kind_of(name: str) -> QueueKind | None:
    if _OF_REPLIES.fullmatch(name):
        return None
    if _OF_TRIGGER.fullmatch(name):
        return QueueKind.FUNCTION
    if name == _UNROUTABLE:
        return QueueKind.UNROUTABLE
    if _OF_BROKER.fullmatch(name):
        return QueueKind.DEAD_LETTER
    return QueueKind.DELAY if _OWN.fullmatch(name) else None
