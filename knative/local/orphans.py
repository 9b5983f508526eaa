"""Reaps orphans: children that this process, a subreaper, inherited from a parent that died, and whose end nobody reads.

Inside of a sandbox orphans go to the sandbox's own init. What comes here is left by the platform's own processes and, where there is no sandbox, by
applications. One system call a round while there is none.
"""

import asyncio
import os

from knative.local.processes import followed, stat_fields

ROUND_SECONDS = 10.0


class Orphans:
    """A Part."""

    def __init__(self, round_seconds: float = ROUND_SECONDS) -> None:
        self._round_seconds = round_seconds
        self._task: asyncio.Task[None] | None = None
        self._ended_before: set[int] = set()

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="orphans")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._round_seconds)
            self.reap()

    def reap(self) -> int:
        """How many were. A child that ended since the last round may still be somebody's who has not come to read it."""
        ended = self._ended() if _any_ended() else set()
        ready = ended & self._ended_before
        for pid in ready:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:  # it was read meanwhile
                continue
        self._ended_before = ended - ready
        return len(ready)

    def _ended(self) -> set[int]:
        own = os.getpid()
        pids = (int(name) for name in os.listdir("/proc") if name.isdigit())
        return {pid for pid in pids if pid not in followed and (fields := stat_fields(pid)) and fields[0] == b"Z" and int(fields[1]) == own}


def _any_ended() -> bool:
    try:
        return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return False
