"""Reap orphans: adopted children whose end no `Process` reads.

This process is a subreaper (prctl(2), PR_SET_CHILD_SUBREAPER), so it adopts children of parents that died. Inside a
sandbox the sandbox's init reaps orphans. What arrives here was started by the platform's own processes and, without a
sandbox, by applications. A round without orphans costs one system call.
"""

import asyncio
import os

from knative.local.processes.process import followed_pids
from knative.local.processes.procfs import all_pids, stat_fields

ROUND_SECONDS = 10.0


class OrphanReaper:
    """A Runnable that reaps every `round_seconds`."""

    def __init__(self, round_seconds: float = ROUND_SECONDS) -> None:
        self._round_seconds = round_seconds
        self._task: asyncio.Task[None] | None = None
        self._ended_before: set[int] = set()

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="orphan reaper")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._round_seconds)
            self.reap()

    def reap(self) -> int:
        """Reap the orphans that had ended at the last call already, and return their number.

        A child that ended since then may belong to code that is about to follow it.
        """
        ended = self._ended() if _has_ended_child() else set()
        ready = ended & self._ended_before
        for pid in ready:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:  # read by someone else meanwhile
                continue
        self._ended_before = ended - ready
        return len(ready)

    def _ended(self) -> set[int]:
        own = os.getpid()
        return {
            pid for pid in all_pids() if pid not in followed_pids and (fields := stat_fields(pid)) and fields[0] == b"Z" and int(fields[1]) == own
        }


def _has_ended_child() -> bool:
    try:
        return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return False
