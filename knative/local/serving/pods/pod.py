"""A pod: one container as a local process, started, restarted, probed and ended. Init containers run before it, one after the other.

The pod writes its object's status to the store as a kubelet does. Its owner (a revision's scaler, a Job) learns of each
change through `on_change`.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from knative.local.objects import Object, now
from knative.local.processes.control_groups import ControlGroup
from knative.local.processes.streams import Streams
from knative.local.serving.confined_programs import EndedContainer
from knative.local.serving.node import Node
from knative.local.serving.pods.container import ContainerSetup
from knative.local.serving.pods.container_run import ContainerRun
from knative.local.serving.pods.exit import EVICTED, KILLED, Exit, LimitViolation
from knative.local.serving.pods.initialization import run_init_containers
from knative.local.serving.pods.logs import Log
from knative.local.serving.pods.pod_object import PodObject
from knative.local.serving.pods.preparation import network_of
from knative.local.serving.pods.start_preparation import CannotStart, StartPreparation
from knative.local.serving.pods.state import PodState, Stage

log = logging.getLogger(__name__)

MIN_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS = 0.2, 60.0
STABLE_RUN_SECONDS = 30.0
"""After a run of this length the back-off begins anew."""
DEFAULT_GRACE_SECONDS = 30.0


class Pod:
    """A running pod; creating it starts it.

    `restarts_always`: a Service's container runs until it is stopped; a Job's container runs once. `port`: where
    requests go (PORT). `env`: variables of the owner. `listening`: a socket that the container inherits; `owns_socket`: it
    is of this pod alone, which closes it (`activation`); otherwise other pods listen on it too. `finishing`:
    awaited after each run; returns the exit to report. `serving_path`: called at each start; the path that the container
    must answer before it is ready (`HealthCheck`), or None.
    """

    def __init__(
        self,
        node: Node,
        object: Object,
        on_change: Callable[["Pod"], None],
        *,
        restarts_always: bool,
        port: int | None = None,
        env: Mapping[str, str] | None = None,
        listening: socket.socket | None = None,
        owns_socket: bool = False,
        grace_seconds: float = DEFAULT_GRACE_SECONDS,
        finishing: Callable[["Pod", Exit], Awaitable[Exit]] | None = None,
        serving_path: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.object = object
        self.namespace, self.name, self.uid = (object["metadata"][each] for each in ("namespace", "name", "uid"))
        self.port, self.grace_seconds = port, grace_seconds
        self.state = PodState()
        self.in_flight = 0
        """Requests that the pod handles."""
        self.is_terminating = False
        """Whether it gets no new requests and ends after those that it has."""
        self.created_at = asyncio.get_running_loop().time()
        """On the event loop's clock."""
        self.start: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        """Whether its first start made it ready."""
        self._node, self._on_change, self._restarts_always = node, on_change, restarts_always
        self._listening, self._owns_socket, self._finishing, self._serving_path = listening, owns_socket, finishing, serving_path
        self._network = network_of(node, object, None if listening is not None else port)
        self.setup = ContainerSetup(node, object)
        self._preparation = StartPreparation(
            *(node, object, self.setup, self._network, dict(env or {}), self.state),
            lambda line: self._open_log().write_line(line),
            restarts_always=restarts_always,
        )
        self._stored = PodObject(node.store, object, self._observe)
        self._run: ContainerRun | None = None
        self._log: Log | None = None
        self._eviction: LimitViolation | None = None
        self._stopping = asyncio.Event()
        self._task = asyncio.create_task(self._live(), name=f"pod {self.namespace}/{self.name}")

    @property
    def is_running(self) -> bool:
        return self._run is not None and self._run.is_running

    @property
    def accepts_early(self) -> bool:
        """Whether a request may be sent to it before it is ready: this process holds the socket on which it will listen, and it starts for the
        first time. The request waits in the socket's backlog until the pod serves."""
        return self._owns_socket and not self.start.done() and not self.is_terminating and self.state.start_failure is None

    @property
    def unready_reason(self) -> str:
        """Why a running container does not answer yet."""
        return self._run.unready_reason if self._run is not None else ""

    @property
    def has_listened_unready(self) -> bool:
        """Whether the container's last run accepted a connection on its port, but was never ready."""
        return self._run is not None and self._run.has_listened_unready

    @property
    def container_process(self) -> tuple[int, ControlGroup | None] | None:
        """The pid and the control group by which its usage is measured; None when the container does not run."""
        return (self._run.pid, self._run.group) if self._run is not None and self._run.pid is not None else None

    @property
    def streams(self) -> Streams | None:
        """What clients may attach to; None when its container does not run, or has neither standard input nor a terminal."""
        return self._run.streams if self._run is not None and self._run.is_running else None

    @property
    def ended_container(self) -> EndedContainer | None:
        """The file system of its container, for programs that read what it left; None when it had none of its own."""
        return self._run.ended_container if self._run is not None else None

    @property
    def disk_bytes(self) -> int | None:
        """What its disks take on this machine, with the build cache it uses. None: not measured."""
        if self._preparation.container is not None and self._preparation.container.is_on_disks:
            return self.setup.storage.used_bytes()
        return self._run.polled_disk_bytes if self._run is not None else None

    @property
    def inner_port(self) -> int | None:
        """PORT, as the container finds it."""
        return self._network.inner_port or self.port

    def listening_ports(self) -> list[int]:
        return self._run.listening_ports() if self._run is not None else []

    def log_line(self, line: str) -> None:
        """Write a line of the platform into the container's log."""
        if self._log is not None:
            self._log.write_line(line)

    def refresh(self, kind: str, name: str) -> None:
        """Handle a changed Secret or ConfigMap."""
        self._preparation.refresh(kind, name)

    async def stop(self, grace_seconds: float | None = None) -> None:
        """End the container with SIGTERM, and with SIGKILL after the grace (at most the pod's own). Returns when the pod has ended.

        Without `grace_seconds` the requests that it handles come first, as long as its grace, as with queue-proxy's preStop hook.
        """
        if grace_seconds is None:
            await self._drain()
        else:
            self.grace_seconds = min(self.grace_seconds, grace_seconds)
        self._stopping.set()
        self._preparation.retry()
        await asyncio.shield(self._task)

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.grace_seconds
        if self.in_flight and not self.is_terminating:
            self.is_terminating = True
            self._on_change(self)
        while self.in_flight and loop.time() < deadline and not self._stopping.is_set():  # noqa: ASYNC110 - rare, and short
            await asyncio.sleep(0.05)

    async def evict(self, message: str) -> None:
        """End the pod at once with reason Evicted. Returns when it has ended."""
        self._eviction = LimitViolation(EVICTED, message)
        self.log_line(message)
        await self.stop(0.0)

    @property
    def _started_at(self) -> str:
        return self._run.started_at if self._run is not None else ""

    # --- lifecycle

    async def _live(self) -> None:
        try:
            await run_init_containers(self.setup, self.state.init, self._run_init_container)
            while not self._stopping.is_set() and self.state.init.failure is None:
                if not await self._prepare():
                    continue
                await self._run_container(self._finishing)
                if not self._restarts_always or self._stopping.is_set():
                    break
                await self._back_off()
        except Exception:
            log.exception("pod %s/%s failed", self.namespace, self.name)
            message = "The platform failed to run this pod; see the log of knative/local."
            self.state.exit = self.state.exit or Exit(1, "Error", message, self._started_at, now())
        finally:
            await self._network.close()
            if self._owns_socket and self._listening is not None:
                self._listening.close()
            if self._run is not None:
                self._run.close()
            self.setup.release()
            if self._eviction is not None and (self.state.exit is None or self.state.exit.reason != EVICTED):
                self.state.exit = Exit(KILLED, EVICTED, self._eviction.message, self._started_at or now(), now())
            self._enter(Stage.ENDED)
            if self._log is not None:
                self._log.close()

    async def _run_init_container(self) -> Exit | None:
        """Run the present init container once. Returns None if the pod is stopped before."""
        while not self._stopping.is_set() and not await self._prepare():
            pass
        if self._stopping.is_set():
            return None
        await self._run_container(None)
        if self._run is not None:
            self._run.remove_group()
        if self._log is not None:
            self._log.close()
        exit, self.state.exit = self.state.exit, None
        self._run, self._preparation.container, self._log = None, None, None
        return exit

    async def _prepare(self) -> bool:
        """Return whether the container can start. Waits before it returns False."""
        try:
            pause = await self._preparation.attempt()
        except CannotStart as never:
            self.state.exit = never.exit
            self._stopping.set()
            return False
        if pause is not None:
            self._enter(Stage.WAITING)
            await self._preparation.wait(pause)
        return pause is None

    def _open_log(self) -> Log:
        if self._log is None:
            self.setup.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path = self.setup.folder / f"{self.setup.container['name']}.log"
            self._log = Log(path, self._collect_lines, is_limited=not self._node.runs_platform(self.object))
        return self._log

    async def _run_container(self, finishing: Callable[["Pod", Exit], Awaitable[Exit]] | None) -> None:
        """Run the container once, and set `state.exit`."""
        prepared = self._preparation.container
        assert prepared is not None
        loop = asyncio.get_running_loop()
        output = self._open_log()
        output.clear_tail()
        name = f"{self.namespace}/{self.name}"
        run = ContainerRun(self._node, self.setup.container, prepared, output, name=name, restarts_always=self._restarts_always)
        start_failure = await run.start(self._listening)
        if start_failure is not None:
            self.state.exit = start_failure
            self.state.failures += 1
            return
        self._run, began = run, loop.time()
        run.record(self.setup.folder)
        self._enter(Stage.STARTING)
        health = None
        if self.inner_port is not None and self.state.init.current is None:
            shared = None if self._owns_socket else self._listening
            checks = run.check_health(self.inner_port, self._network.connect, self._on_ready_change, shared, self._serving_path())
            health = asyncio.create_task(checks, name=f"health of {name}")
        elif self._restarts_always and self.state.init.current is None:
            self._enter(Stage.READY)  # of a Deployment: nothing asks it, so it is ready while it runs
        violation = await run.wait(self._stopping) or self._eviction
        if health is not None:
            health.cancel()
            await asyncio.gather(health, return_exceptions=True)
        if run.is_running:
            self._enter(Stage.ENDING)
            await run.terminate(lambda: self.grace_seconds)
        await run.clean_up()
        self.state.failures = 1 if loop.time() - began > STABLE_RUN_SECONDS else self.state.failures + 1
        try:
            exit = await run.exit(violation, self._stopping.is_set())
            self.state.exit = exit if finishing is None else await finishing(self, exit)
        finally:
            run.close()
        if not self._stopping.is_set() and self.state.exit.code:
            log.info("pod %s ended: %s", name, self.state.exit.summary)

    async def _back_off(self) -> None:
        self.state.restarts += 1
        if self._run is not None:
            self._run.remove_group()
        self._enter(Stage.WAITING)
        pause = min(MIN_BACKOFF_SECONDS * 2 ** (2 * (self.state.failures - 1)), MAX_BACKOFF_SECONDS)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), pause)

    # --- reporting

    def _on_ready_change(self, is_ready: bool) -> None:
        self._enter(Stage.READY if is_ready else Stage.UNREADY)

    def _collect_lines(self, stream: str, lines: list[str]) -> None:
        if self._node.collector is not None:
            self._node.collector.add_lines(self.object, stream, lines)

    def _enter(self, stage: Stage) -> None:
        self.state.stage = stage
        if stage is not Stage.STARTING and not self.start.done():
            self.start.set_result(stage is Stage.READY)
        if self._owns_socket and stage in (Stage.STARTING, Stage.READY):
            self._stored.publish_soon()
        else:
            self._stored.publish()
        self._on_change(self)

    def _observe(self) -> PodState:
        self.state.is_running, self.state.unready_reason = self.is_running, self.unready_reason
        return self.state

    # --- after the end

    def delete_files(self, keep_log: bool = True) -> None:
        """Delete the pod's folder, or everything in it but the log. The object stays."""
        if self._run is not None:
            self._run.remove_group()
        self.setup.delete_files(keep_log)

    def delete(self) -> None:
        """Delete the pod's folder and its object."""
        self.delete_files(keep_log=False)
        self._stored.delete()
