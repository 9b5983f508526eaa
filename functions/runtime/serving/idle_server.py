"""A uvicorn server that wakes once a second while it has nothing to do, not ten times.

uvicorn polls `should_exit` every 100 ms: with a dozen processes at rest, most of what they use. Here setting it ends the wait.
What is left is the date of the responses, which uvicorn renews once a second.
"""

import asyncio

import uvicorn

DATE_SECONDS = 1.0


class IdleServer(uvicorn.Server):
    """`should_exit` must be set in the event loop."""

    def __init__(self, config: uvicorn.Config) -> None:
        self._exit = asyncio.Event()
        super().__init__(config)

    @property
    def should_exit(self) -> bool:
        return self._exit.is_set()

    @should_exit.setter
    def should_exit(self, value: bool) -> None:
        if value:
            self._exit.set()
        else:
            self._exit.clear()

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            try:
                async with asyncio.timeout(DATE_SECONDS):
                    await self._exit.wait()
            except TimeoutError:
                continue
