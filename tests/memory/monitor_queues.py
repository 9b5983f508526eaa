"""RabbitMQ's queues in memory."""

from collections.abc import Sequence
from typing import Any

from functions.monitor.domain.queues import Queue, read_queues
from functions.monitor.domain.rejections import QueuesUnavailable


class MemoryQueues:
    """`reported`: what the management API would report."""

    def __init__(self) -> None:
        self.reported: list[dict[str, Any]] = []
        self.is_unavailable = False

    async def list_all(self) -> Sequence[Queue]:
        if self.is_unavailable:
            raise QueuesUnavailable.at("http://rabbitmq:15672", "connection refused", "CAPSULE_RABBITMQ_MANAGEMENT_URL")
        return read_queues(self.reported)
