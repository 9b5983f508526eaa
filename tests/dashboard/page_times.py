"""How long the dashboard itself takes for each page: all of it, and the part that is no call of a function. Functions run in memory.

    python -m tests.dashboard.page_times --rounds 20

Prints medians in milliseconds, and the size of the page. What a function takes on a real Capsule is in `./taskw bench`.
"""

import argparse
import asyncio
import statistics
import time

from tests.dashboard.browser import MemoryRequester
from tests.dashboard.furnished_site import FurnishedSite


class Stopwatch:
    """Measures the time in which at least one call is waited for."""

    def __init__(self, requester: MemoryRequester) -> None:
        self.seconds = 0.0
        self._begun = 0.0
        self._waiting = 0
        self._request = requester.request
        requester.request = self.request  # type: ignore[method-assign]

    async def request(self, *arguments: object, **options: object) -> object:
        if self._waiting == 0:
            self._begun = time.perf_counter()
        self._waiting += 1
        try:
            return await self._request(*arguments, **options)  # type: ignore[arg-type]
        finally:
            self._waiting -= 1
            if self._waiting == 0:
                self.seconds += time.perf_counter() - self._begun


async def measure(rounds: int) -> None:
    site = FurnishedSite()
    await site.furnish()
    stopwatch = Stopwatch(site.ada.requester)
    print(f"{'page':28}{'ms':>8}{'own ms':>9}{'calls':>7}{'kB':>7}")
    for name, path in (await site.pages()).items():
        totals, own, calls, size = [], [], 0, 0
        for _ in range(rounds):
            stopwatch.seconds, sent, begun = 0.0, len(site.ada.requester.sent), time.perf_counter()
            size = len((await site.ada.open(path)).content)
            totals.append(time.perf_counter() - begun)
            own.append(totals[-1] - stopwatch.seconds)
            calls = len(site.ada.requester.sent) - sent
        print(f"{name:28}{statistics.median(totals) * 1000:8.1f}{statistics.median(own) * 1000:9.1f}{calls:7}{size / 1000:7.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.dashboard.page_times", description="Time the pages of the dashboard.")
    parser.add_argument("--rounds", type=int, default=20)
    asyncio.run(measure(parser.parse_args().rounds))
