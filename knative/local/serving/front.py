"""The front: what accepts requests from outside. It opens last and closes first.

While it closes, all else still runs, so requests that have begun are answered. When it opens, each Route leads to its revisions, messages to
the platform's functions are dispatched, and the functions that were awake before a restart are waking. Where it takes over from a former process,
they are awake again. So no request that waited in a listening socket's backlog gets the answer of an incomplete routing table, or spends its deadline
on the start.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from knative.installation import HELD_FRONT
from knative.local.serving.ingress import Ingress
from knative.local.serving.revisions import Revisions

log = logging.getLogger(__name__)

OPEN_TIMEOUT_SECONDS, AWAKE_TIMEOUT_SECONDS = 30.0, 10.0
POLL_SECONDS = 0.05


class Front:
    """A Runnable. Start it after the controller."""

    def __init__(self, ingress: Ingress, revisions: Revisions, is_loaded: Callable[[], bool], state: Path, has_backlog: bool) -> None:
        """`is_loaded`: whether each stored Route and Revision has been reconciled since the start. `state`: the state folder. `has_backlog`:
        whether requests may have waited since a former process closed its front."""
        self._ingress, self._revisions = ingress, revisions
        self._conditions: list[Callable[[], bool]] = [is_loaded, lambda: not (state / HELD_FRONT).exists()]
        self._has_backlog = has_backlog
        self.is_open = False
        """Whether requests are accepted."""

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Open only when this is true too."""
        self._conditions.append(condition)

    async def start(self) -> None:
        if not await _wait_until(lambda: all(condition() for condition in self._conditions), OPEN_TIMEOUT_SECONDS):
            log.warning("some Routes, Triggers or Secrets are not there after %g s; requests are accepted now", OPEN_TIMEOUT_SECONDS)
        self._revisions.wake_functions()
        if self._has_backlog and not await _wait_until(self._revisions.are_functions_awake, AWAKE_TIMEOUT_SECONDS):
            log.warning("some functions that were awake are not yet after %g s; requests are accepted now", AWAKE_TIMEOUT_SECONDS)
        self._revisions.open_host_ports()
        await self._ingress.start()
        self.is_open = True

    async def stop(self) -> None:
        """Answer the requests that have begun: those of the ingress, and those of pods that listen on a port of this machine."""
        self.is_open = False
        self._revisions.record_awake()
        await asyncio.gather(self._ingress.stop(), self._revisions.drain_host_ports())


async def _wait_until(condition: Callable[[], bool], timeout_seconds: float) -> bool:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_seconds
    while not (is_true := condition()) and loop.time() < deadline:  # noqa: ASYNC110 - rare, and short
        await asyncio.sleep(POLL_SECONDS)
    return is_true
