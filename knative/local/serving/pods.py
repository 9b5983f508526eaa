"""A pod: one container as a local process, started again when it should be, asked whether it is ready, ended with grace.

The runtime keeps the Pod object's status in the store as a kubelet does; whoever made the pod (a revision's scaler, a Job) is told of each
change by a call.
"""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from knative.local.images import Image, UnknownImage
from knative.local.objects import Object, now
from knative.local.processes import Command, Process, Reach, Unstartable
from knative.local.processes_limits import Group
from knative.local.processes_network import Unconnected
from knative.local.sandbox.identities import Exhausted
from knative.local.serving import build_access, pod_state, pod_status
from knative.local.serving.confined import Visit
from knative.local.serving.container import Box, Prepared
from knative.local.serving.environment import Missing
from knative.local.serving.logs import Log
from knative.local.serving.node import Node
from knative.local.serving.pod_exit import KILLED, Exit, code_of, ended
from knative.local.serving.pod_health import Health, execute
from knative.local.serving.pod_limits import EVICTED, Breach, Guard
from knative.local.serving.pod_network import Way
from knative.local.serving.pod_preparation import last_words, prepare
from knative.local.serving.pod_state import State
from knative.local.serving.probes import listening
from knative.local.store import NotFound

log = logging.getLogger(__name__)

FIRST_BACKOFF, LONGEST_BACKOFF = 0.2, 60.0
STABLE = 30.0
"""A container that ran so long before it ended is started again as if for the first time."""
MISSING_PAUSE = 0.5


class Pod:
    """`restart`: a Service's container runs for ever; a Job's ends once. `port` is what a request is sent to."""

    def __init__(
        self,
        node: Node,
        object: Object,
        changed: Callable[["Pod"], None],
        *,
        restart: bool,
        port: int | None = None,
        given: Mapping[str, str] | None = None,
        listen: socket.socket | None = None,
        grace: float = 30.0,
        finishing: Callable[["Pod", "Exit"], Awaitable["Exit"]] | None = None,
    ) -> None:
        self.object = object
        self.namespace, self.name, self.uid = (object["metadata"][each] for each in ("namespace", "name", "uid"))
        self.port, self.grace = port, grace
        self.state = State.STARTING
        self.restarts = 0
        self.failures = 0
        """Exits in a row, none after a stable time."""
        self.exit: Exit | None = None
        self.trouble: tuple[str, str] | None = None
        """Why it cannot even start: (reason, message)."""
        self.in_flight = 0
        self.began = asyncio.get_running_loop().time()
        self._node, self._changed, self._restart = node, changed, restart
        self._given = dict(given or {})
        self._listen = listen
        access = build_access.of(object["spec"]["containers"][0], node.settings.ingress_port) if node.is_build(object) else build_access.NOTHING
        self._way = Way(node.ways, node.isolation if node.networks else None, None if listen is not None else port, access)
        self._box = Box(node, object)
        self._container = self._box.container
        self._condition: Health | None = None
        self._finishing = finishing
        self._image: Image | None = None
        self._process: Process | None = None
        self._prepared: Prepared | None = None
        self._started_at = ""
        self._stopping = asyncio.Event()
        self._retry = asyncio.Event()
        self._log: Log | None = None
        self._guard: Guard | None = None
        self._eviction: Breach | None = None
        self._task = asyncio.create_task(self._live(), name=f"pod {self.namespace}/{self.name}")

    # --- what others see

    @property
    def unready(self) -> str:
        """Why it does not answer yet."""
        return self._condition.unready if self._condition else ""

    @property
    def ready(self) -> bool:
        return self.state is State.READY

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.alive

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.alive else None

    @property
    def box(self) -> Box:
        return self._box

    @property
    def identity(self) -> Visit | None:
        """Its container's file system, for the programs that look at what it left; None where there is none to itself."""
        sandbox = self._prepared.command.sandbox if self._prepared else None
        kept = self._process.namespaces if self._process else None
        return Visit(kept, sandbox) if kept is not None and kept.descriptors and sandbox else None

    def say(self, line: str) -> None:
        """A line of the platform's in the container's log."""
        if self._log is not None:
            self._log.say(line)

    @property
    def container_process(self) -> tuple[int, Group | None] | None:
        """By which its use is measured."""
        return (self._process.pid, self._prepared.group) if self._process and self._process.alive and self._prepared else None

    @property
    def disk_bytes(self) -> int | None:
        """What its disks take on this machine; of a build, with its cache. None: not measured."""
        if self._prepared is not None and self._prepared.is_on_disks:
            return self._box.places.used_bytes()
        return self._guard.used_bytes if self._guard is not None else None

    def listens_on(self) -> list[int]:
        return listening(self._process.members()) if self._process and self._process.alive else []

    def refresh(self, kind: str, name: str) -> None:
        """A Secret or ConfigMap changed: rewrites what is mounted of it, and tries again if it was missed."""
        if self.trouble is not None:
            self._retry.set()
        if self._image is not None and (kind, name) in self._box.references():
            try:
                self._box.refresh(self._image)
            except Missing as missing:
                log.warning("pod %s/%s keeps its former files: %s", self.namespace, self.name, missing)

    async def stop(self, grace: float | None = None) -> None:
        """SIGTERM, and SIGKILL after the grace; returns when it has ended."""
        if grace is not None:
            self.grace = min(self.grace, grace)
        self._stopping.set()
        self._retry.set()
        await asyncio.shield(self._task)

    async def evict(self, message: str) -> None:
        """Ends it at once with reason Evicted; returns when it has ended."""
        self._eviction = Breach(EVICTED, message)
        self.say(message)
        await self.stop(0.0)

    async def ended(self) -> None:
        await asyncio.shield(self._task)

    # --- its life

    async def _live(self) -> None:
        try:
            while not self._stopping.is_set():
                if not await self._prepare():
                    continue
                await self._run_once()
                if not self._restart or self._stopping.is_set():
                    break
                await self._back_off()
        except Exception:
            log.exception("pod %s/%s", self.namespace, self.name)
            self.exit = self.exit or Exit(1, "Error", "the pod's keeper failed; see the log of knative/local", self._started_at, now())
        finally:
            await self._way.close()
            if self._process is not None:
                self._process.namespaces.close()
            self._box.release()
            if self._eviction is not None and (self.exit is None or self.exit.reason != EVICTED):
                self.exit = Exit(KILLED, EVICTED, self._eviction.message, self._started_at or now(), now())
            self._become(State.ENDED)
            if self._log is not None:
                self._log.close()

    async def _prepare(self) -> bool:
        if self._is_refused():
            await self._await_retry(MISSING_PAUSE)
            return False
        try:
            self._image, self._prepared = await prepare(self._node, self._box, self._way, self._given)
        except (UnknownImage, Unconnected, Missing, Exhausted) as error:
            self.trouble = pod_state.trouble(error)
            if isinstance(error, UnknownImage) and not self._restart:  # no other try finds it: images are built here, not pulled
                self.exit, self.trouble = Exit(128, *self.trouble, now(), now()), None
                self._stopping.set()
                return False
        else:
            self.trouble = None
            return True
        await self._await_retry(5 if self.trouble[0] == "ImagePullBackOff" else MISSING_PAUSE)
        return False

    def _is_refused(self) -> bool:
        """Whether the machine takes no such pod now; its trouble and its log say why."""
        refusal = self._node.refusal(self.object)
        if refusal is None:
            return False
        if self.trouble is None or self.trouble[0] != pod_state.DISK_PRESSURE:
            self._open_log().say(refusal)
        self.trouble = (pod_state.DISK_PRESSURE, refusal)
        return True

    async def _await_retry(self, seconds: float) -> None:
        self._become(State.WAITING)
        self._retry.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._retry.wait(), seconds)

    def _open_log(self) -> Log:
        if self._log is None:
            self._box.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._log = Log(self._box.folder / f"{self._container['name']}.log", self._collect)
        return self._log

    async def _run_once(self) -> None:
        assert self._prepared is not None
        loop = asyncio.get_running_loop()
        self._log = self._open_log()
        self._log.forget()
        try:
            process = await self._start(self._prepared.command)
        except Unstartable as error:
            self._log.say(str(error))
            self.exit = Exit(128, "StartError", str(error), now(), now())
            self.failures += 1
            return
        self._process, self._started_at, began = process, now(), loop.time()
        self._node.remember(self._box.folder, process)
        self._become(State.STARTING)
        watching = None
        if self.port is not None:
            activated = os.fstat(self._listen.fileno()).st_ino if self._listen is not None else None
            self._condition = Health(self._container, self.port, self._way.dial, self._health, self._log.say, activated)
            watching = asyncio.create_task(self._condition.watch(process, self._execute))
        stopping = asyncio.ensure_future(self._stopping.wait())
        self._guard = guard = Guard(process, self._prepared, self._node.trash)
        waits: set[asyncio.Future[Any]] = {process.ended, stopping, *guard.waits}
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        breach = await guard.end(self._log.say) or self._eviction
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        if process.alive:
            await self._end(process)
        await self._clean(process)
        self.failures = 1 if loop.time() - began > STABLE else self.failures + 1
        try:
            status = process.ended.result()
            self.exit = self._exit(status, await self._last_words(status), breach)
            if self._finishing is not None:
                self.exit = await self._finishing(self, self.exit)
        finally:
            process.namespaces.close()
        if not self._stopping.is_set() and self.exit.code:
            log.info("pod %s/%s ended: %s", self.namespace, self.name, self.exit.short)

    async def _start(self, command: Command) -> Process:
        assert self._log is not None
        if self._listen is not None:
            command = replace(command, listen=(self._listen.fileno(),))
        stdout, stderr = self._log.pipe("stdout"), self._log.pipe("stderr")
        try:
            return await self._node.start(command, stdout, stderr)
        finally:
            os.close(stdout)
            os.close(stderr)

    async def _end(self, process: Process) -> None:
        self._become(State.ENDING)
        process.signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(asyncio.shield(process.ended), self.grace)
        except TimeoutError:
            process.signal(signal.SIGKILL)
            await process.ended

    async def _clean(self, process: Process) -> None:
        """What the first process left behind it: children in its group. A PID namespace ends with its first process."""
        if process.reach is not Reach.INIT:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        assert self._log is not None
        await self._log.drained()

    async def _back_off(self) -> None:
        self.restarts += 1
        self._drop_group()
        self._become(State.WAITING)
        pause = min(FIRST_BACKOFF * 2 ** (2 * (self.failures - 1)), LONGEST_BACKOFF)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), pause)

    async def _last_words(self, status: int | None) -> bytes:
        """For whom they matter: of a failure, and of a Job's end."""
        assert self._prepared is not None
        if self._restart and (self._stopping.is_set() or code_of(status) == 0):
            return b""
        try:
            return await last_words(self._prepared, self._node.programs, self.identity)
        except OSError as error:
            log.warning("the last words of pod %s/%s cannot be read: %s", self.namespace, self.name, error)
            return b""

    def _exit(self, status: int | None, last_words: bytes, breach: Breach | None) -> Exit:
        assert self._prepared is not None and self._log is not None
        return ended(self._prepared, self._container, self._log, last_words, status, self._started_at, breach, always_says_why=self._restart)

    def _drop_group(self) -> None:
        group = self._prepared.group if self._prepared else None
        if group is not None and not (group.kill() and group.remove()):
            asyncio.get_running_loop().call_later(0.2, lambda: group.kill() and group.remove())

    # --- readiness

    def _health(self, ready: bool) -> None:
        self._become(State.READY if ready else State.UNREADY)

    async def _execute(self, argv: tuple[str, ...], timeout: float) -> str:
        assert self._prepared is not None
        assert self._process is not None
        return await execute(self._node.launcher, self._process, self._prepared.command, argv, timeout)

    # --- telling

    def _collect(self, stream: str, lines: list[str]) -> None:
        if self._node.collector is not None:
            self._node.collector.add_lines(self.object, stream, lines)

    def _become(self, state: State) -> None:
        self.state = state
        self.publish()
        self._changed(self)

    def publish(self) -> None:
        with suppress(NotFound):  # deleted over the API, and ending for that
            found = self._node.store.get("Pod", self.namespace, self.name)
            if found["metadata"]["uid"] == self.uid:
                self._node.store.set_status("Pod", self.namespace, self.name, pod_status.of(self, found))

    def tidy(self) -> None:
        """It has ended and is only looked at: its log stays, its files go."""
        self._drop_group()
        self._box.tidy(keep_log=True)

    def discard(self) -> None:
        """Its folder, its object: there is nothing left of it."""
        self._drop_group()
        self._box.tidy(keep_log=False)
        with suppress(NotFound):
            if self._node.store.get("Pod", self.namespace, self.name)["metadata"]["uid"] == self.uid:
                self._node.store.delete("Pod", self.namespace, self.name)
