"""Start an order of the platform's certificates when one is due.

The order runs in a process of its own: it loads the signing library and an ACME client, for some seconds in some weeks, and gives up its privileges.
"""

import asyncio
import logging
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from knative.local.ordered_certificates import OrderedCertificate

log = logging.getLogger(__name__)

PROGRAM = "knative.platform_certificates"
MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 2.0, 3600.0
FAULT_PAUSE_SECONDS = 300.0
"""After a process that could not even record why it failed."""


class CertificateRenewal:
    """A Runnable."""

    def __init__(self, certificates: Sequence[OrderedCertificate]) -> None:
        self._certificates = certificates
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if self._certificates:
            self._task = asyncio.create_task(self._run(), name="renewal of the platform's certificates")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            pause_seconds = self._pause_seconds()
            if pause_seconds <= 0:
                pause_seconds = MIN_PAUSE_SECONDS if await self._renew() else FAULT_PAUSE_SECONDS
            await asyncio.sleep(pause_seconds)

    def _pause_seconds(self) -> float:
        now = datetime.now(UTC)
        try:
            due_at = min(each.state.due_at(each.hosts) for each in self._certificates)
        except (OSError, ValueError) as error:
            log.error("the state of the platform's certificates cannot be read: %s", error)
            return FAULT_PAUSE_SECONDS
        if due_at <= now:
            return 0.0
        return min(max((due_at - now).total_seconds(), MIN_PAUSE_SECONDS), MAX_PAUSE_SECONDS)

    async def _renew(self) -> bool:
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", PROGRAM, stdin=asyncio.subprocess.DEVNULL)
        try:
            return await process.wait() == 0
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.terminate()
                await process.wait()
