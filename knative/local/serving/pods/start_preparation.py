"""A container's start, prepared again and again until it can start."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress

from knative.local.images import Image, UnknownImage
from knative.local.objects import Object, now
from knative.local.processes.network.namespaces import NetworkSetupError
from knative.local.sandbox.identities import IdentitiesExhausted
from knative.local.serving.node import Node
from knative.local.serving.pods.container import ContainerSetup, PreparedContainer
from knative.local.serving.pods.environment import MissingReference
from knative.local.serving.pods.exit import START_ERROR_CODE, Exit
from knative.local.serving.pods.network import PodNetwork
from knative.local.serving.pods.preparation import prepare
from knative.local.serving.pods.state import DISK_PRESSURE, IMAGE_PULL_BACK_OFF, PodState, StartFailure, start_failure_of

log = logging.getLogger(__name__)

RETRY_SECONDS, IMAGE_RETRY_SECONDS = 0.5, 5.0
"""Pause after a failed preparation."""


class CannotStart(Exception):
    """No other attempt would help. `exit`: what is reported as the end of the container."""

    def __init__(self, exit: Exit) -> None:
        super().__init__(exit.message)
        self.exit = exit


class StartPreparation:
    """`container`: what the last successful attempt has prepared. `write_line`: into the container's log.

    The reason why the container cannot start yet is `state.start_failure`.
    """

    def __init__(
        self,
        node: Node,
        pod: Object,
        setup: ContainerSetup,
        network: PodNetwork,
        env: Mapping[str, str],
        state: PodState,
        write_line: Callable[[str], None],
        *,
        restarts_always: bool,
    ) -> None:
        self.container: PreparedContainer | None = None
        self._node, self._pod, self._setup, self._network, self._env = node, pod, setup, network, env
        self._state, self._write_line, self._restarts_always = state, write_line, restarts_always
        self._image: Image | None = None
        self._retry = asyncio.Event()

    async def attempt(self) -> float | None:
        """Return None if the container can start now, else the seconds until the next attempt. Raises CannotStart."""
        if self._is_refused():
            return RETRY_SECONDS
        try:
            self._image, self.container = await prepare(self._node, self._setup, self._network, self._env)
        except (UnknownImage, NetworkSetupError, MissingReference, IdentitiesExhausted) as error:
            failure = start_failure_of(error)
            if isinstance(error, UnknownImage) and not self._restarts_always:  # a retry would not find it: images are built here, not pulled
                self._state.start_failure = None
                raise CannotStart(Exit(START_ERROR_CODE, failure.reason, failure.message, now(), now())) from error
            self._state.start_failure = failure
            return IMAGE_RETRY_SECONDS if failure.reason == IMAGE_PULL_BACK_OFF else RETRY_SECONDS
        self._state.start_failure = None
        return None

    async def wait(self, seconds: float) -> None:
        """Wait for the next attempt, at most until `retry`."""
        self._retry.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._retry.wait(), seconds)

    def retry(self) -> None:
        self._retry.set()

    def refresh(self, kind: str, name: str) -> None:
        """Handle a changed Secret or ConfigMap: rewrite its files, and retry a failed preparation."""
        if self._state.start_failure is not None:
            self.retry()
        if self._image is not None and (kind, name) in self._setup.volume_references():
            try:
                self._setup.refresh_volumes(self._image)
            except MissingReference as missing:
                log.warning("pod %s/%s keeps its former files: %s", self._setup.namespace, self._setup.name, missing)

    def _is_refused(self) -> bool:
        """Return whether the node is under disk pressure and takes no such pod now."""
        refusal = self._node.start_refusal(self._pod)
        if refusal is None:
            return False
        if self._state.start_failure is None or self._state.start_failure.reason != DISK_PRESSURE:
            self._write_line(refusal)
        self._state.start_failure = StartFailure(DISK_PRESSURE, refusal)
        return True
