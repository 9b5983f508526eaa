"""A controller that waits for RabbitMQ.

The one-machine Knative starts beside RabbitMQ. Brokers and Triggers that were reconciled meanwhile would lose their Ready condition, with a write of
each of their exchanges, queues and bindings, and get it back some seconds later.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from knative.local.controller import Controller
from knative.local.eventing.rabbit import RabbitMQ

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 60.0
"""After it, conditions tell that RabbitMQ is unavailable."""


class ConnectedController:
    """A Runnable that starts the controller when RabbitMQ is connected and recognized.

    `wait_until_recognized`: returns when both are the case.
    """

    def __init__(self, rabbit: RabbitMQ, controller: Controller, wait_until_recognized: Callable[[], Awaitable[None]]) -> None:
        self._rabbit, self._controller, self._wait_until_recognized = rabbit, controller, wait_until_recognized
        self._starting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._starting = asyncio.create_task(self._start(), name="controller of eventing")

    async def _start(self) -> None:
        try:
            await asyncio.wait_for(self._wait_until_recognized(), TIMEOUT_SECONDS)
        except TimeoutError:
            log.warning("RabbitMQ at %s is not connected after %.0f s", self._rabbit.address, TIMEOUT_SECONDS)
        await self._controller.start()

    async def stop(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        await self._controller.stop()
