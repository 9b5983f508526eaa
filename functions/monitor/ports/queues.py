"""The port of RabbitMQ's queues."""

from collections.abc import Sequence
from typing import Protocol

from functions.monitor.domain.queues import Queue


class Queues(Protocol):
    async def list_all(self) -> Sequence[Queue]:
        """The queues of this installation, at all nodes of the server.

        Raises QueuesUnavailable if the server does not tell.
        """
        ...
