"""Open-loop load at a modest rate: requests are sent on schedule, however long others take, so that a pause affects everything that it delays."""

import asyncio
import statistics
import time
from dataclasses import dataclass, field

import httpx

WARM_UP_REQUESTS = 20


@dataclass
class Window:
    seconds: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def p95_ms(self) -> float:
        """The 95th percentile of the time from when a request was due to its response, in milliseconds."""
        return statistics.quantiles(self.seconds, n=20)[18] * 1000


def measure(ingress: str, host: str, windows: int, seconds: float, rate: float = 20) -> list[Window]:
    """Measure `windows` windows of `seconds` each with `rate` requests a second."""
    return asyncio.run(_measure(ingress, host, windows, seconds, rate))


async def _measure(ingress: str, host: str, windows: int, seconds: float, rate: float) -> list[Window]:
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    async with httpx.AsyncClient(base_url=ingress, headers={"Host": host}, timeout=20, trust_env=False, limits=limits) as client:
        for _ in range(WARM_UP_REQUESTS):
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
    """Return the median of several windows: one may contain a pause that is unrelated to the measurement."""
    return statistics.median(window.p95_ms for window in windows)
