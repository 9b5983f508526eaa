"""Open-loop load of a modest rate: requests are sent when they are due, however long the others take, so that a pause is seen in all it delays."""

import asyncio
import statistics
import time
from dataclasses import dataclass, field

import httpx

WARM = 20


@dataclass
class Window:
    seconds: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def p95_ms(self) -> float:
        """Of an answer's time since it was due, in milliseconds."""
        return statistics.quantiles(self.seconds, n=20)[18] * 1000


def measure(ingress: str, host: str, windows: int, seconds: float, rate: float = 20) -> list[Window]:
    """`windows` windows of `seconds` each, `rate` requests a second."""
    return asyncio.run(_measure(ingress, host, windows, seconds, rate))


async def _measure(ingress: str, host: str, windows: int, seconds: float, rate: float) -> list[Window]:
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    async with httpx.AsyncClient(base_url=ingress, headers={"Host": host}, timeout=20, trust_env=False, limits=limits) as client:
        for _ in range(WARM):
            await client.get("/")
        found = []
        for _ in range(windows):
            window = Window()
            start = time.monotonic()
            tasks = []
            for number in range(int(seconds * rate)):
                due = start + number / rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                tasks.append(asyncio.create_task(_ask(client, window, due)))
            await asyncio.gather(*tasks)
            found.append(window)
        return found


async def _ask(client: httpx.AsyncClient, window: Window, due: float) -> None:
    try:
        answer = await client.get("/")
        if answer.status_code != 200:
            window.faults.append(f"{answer.status_code} {answer.text[:200]}")
    except httpx.HTTPError as error:
        window.faults.append(repr(error))
    window.seconds.append(time.monotonic() - due)


def median_p95_ms(windows: list[Window]) -> float:
    """One window may hold a pause that has nothing to do with what is measured; the median of several does not."""
    return statistics.median(window.p95_ms for window in windows)
