"""Runs one Revision: as many pods as its requests need, requests waiting while no pod can take them (Knative's activator and autoscaler).

A revision is first started without being asked (initial-scale) and has until its progress deadline to become ready; only then may traffic
come. From there on the autoscaler's arithmetic decides, at each tick and at once when a request has to wait.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping

from knative.local.objects import Object
from knative.local.serving.autoscaler import PANIC_SHARE, Load, Meter, Scale, desired, seconds
from knative.local.serving.consumption import Consumption
from knative.local.serving.node import PLATFORM_NAMESPACES
from knative.local.serving.pod_registry import Pods, pod_spec
from knative.local.serving.pod_state import State
from knative.local.serving.pods import Pod
from knative.local.serving.probes import free_port
from knative.local.serving.waiting import Unavailable, Waiting
from knative.local.settings import LOOPBACK

log = logging.getLogger(__name__)

PROGRESS_DEADLINE = "serving.knative.dev/progress-deadline"
HOST_PORT = "local.capsule.dev/host-port"
"""Of the platform's namespaces only: a port of this machine is nothing that a tenant may take."""
TIMEOUT = 300.0
CRASHES = 3
"""Exits in a row after which a container is taken to be broken."""
PROVEN = "ResourcesAvailable"
"""The condition that a revision keeps once it has been ready."""


class Scaler:
    def __init__(
        self,
        pods: Pods,
        revision: Object,
        defaults: Mapping[str, str],
        changed: Callable[["Scaler"], None],
        open_port: Callable[[int], socket.socket],
        persists: bool = False,
    ) -> None:
        metadata, spec = revision["metadata"], revision["spec"]
        annotations = metadata.get("annotations") or {}
        self.revision = revision
        self.namespace, self.name, self.uid = metadata["namespace"], metadata["name"], metadata["uid"]
        self.timeout = float(spec.get("timeoutSeconds") or TIMEOUT)
        self.deadline = seconds(annotations.get(PROGRESS_DEADLINE, "600s"))
        self.rescale(defaults)
        self.reachable = False
        """A route leads here."""
        self.alone = False
        """And to no other revision."""
        self.proven = any(each["type"] == PROVEN and each["status"] == "True" for each in (revision.get("status") or {}).get("conditions") or [])
        self.failure: tuple[str, str] | None = None
        """Why it is not healthy: (reason, message)."""
        self.gave_up = False
        self.persists = persists
        """The platform's own: said to have failed like any other, it is tried on, since nobody will release it anew when the database is back."""
        self._pods, self._changed = pods, changed
        self._consumption = Consumption(pods.node, revision)
        self._loop = asyncio.get_running_loop()
        self._running: dict[str, Pod] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._waiting = Waiting(self._free)
        self._began = self._loop.time()
        self._meter = Meter(self.scale.window, self._began)
        self._host_port = int(annotations[HOST_PORT]) if HOST_PORT in annotations and self.namespace in PLATFORM_NAMESPACES else None
        self._open_port = open_port
        self._stopped = False
        self._initial = not self.proven
        if self._initial:
            self._loop.call_later(self.deadline, self.tick)

    # --- what others see

    @property
    def ready_pods(self) -> int:
        return sum(pod.ready for pod in self._running.values())

    @property
    def pods(self) -> list[Pod]:
        return list(self._running.values())

    @property
    def quiet(self) -> bool:
        """Nothing of it needs a tick."""
        return not (self._running or self._waiting or (self.wanted() and not self._stopped))

    @property
    def in_flight(self) -> int:
        return self._consumption.in_flight + sum(pod.in_flight for pod in self._running.values())

    @property
    def consuming(self) -> bool:
        """Its pods take their messages from their queue themselves."""
        return self._consumption.going_on(uid for uid, pod in self._running.items() if pod.state is State.READY)

    def rescale(self, defaults: Mapping[str, str]) -> None:
        spec, annotations = self.revision["spec"], self.revision["metadata"].get("annotations") or {}
        self.scale = Scale.of(annotations, int(spec.get("containerConcurrency") or 0), defaults)

    # --- requests

    async def acquire(self, timeout: float) -> Pod:
        """A pod with a free place, woken if need be; give it back with `release`."""
        self._meter.change(+1, self._loop.time())
        pod = self._free() if not self._waiting else None
        if pod is not None:
            pod.in_flight += 1
            return pod
        place = self._waiting.join()
        self.tick()
        try:
            return await asyncio.wait_for(place, timeout)
        except TimeoutError:
            self._leave(place)
            raise Unavailable(f"no pod of {self.name} was ready within {timeout:g} s{self._why()}") from None
        except BaseException:
            self._leave(place)
            raise

    def release(self, pod: Pod) -> None:
        pod.in_flight -= 1
        self._meter.change(-1, self._loop.time())
        self._waiting.hand_out()

    def _leave(self, place: "asyncio.Future[Pod]") -> None:
        self._meter.change(-1, self._loop.time())
        self._waiting.leave(place)

    def _free(self) -> Pod | None:
        best: Pod | None = None
        for pod in self._running.values():
            if pod.state is State.READY and (best is None or pod.in_flight < best.in_flight):
                best = pod
        return best if best is not None and (not self.scale.hard or best.in_flight < self.scale.hard) else None

    def _why(self) -> str:
        return f": {self.failure[0]}: {self.failure[1]}" if self.failure else ""

    # --- how many

    def wanted(self) -> int:
        if self._stopped or (self.gave_up and not self.persists):
            return 0
        now = self._loop.time()
        scale, meter = self.scale, self._meter
        if self._host_port is not None:
            return 1 if self.reachable or self._initial else 0
        load = Load(
            pods=len(self._running),
            stable=meter.mean(scale.window, now),
            panic=meter.mean(scale.window * PANIC_SHARE, now),
            in_flight=self.in_flight,
            waiting=len(self._waiting) + self._consumption.full,
            idle=meter.idle(now),
        )
        if not self.reachable:
            scale = Scale(0, scale.maximum, scale.initial, scale.target, scale.hard, scale.window, scale.retention)
        count = desired(scale, load)
        if self._initial:
            count = max(count, self.scale.initial, self.scale.minimum if self.reachable else 0)
        return count

    def tick(self) -> None:
        """Makes it so."""
        now = self._loop.time()
        if self._initial and not self.scale.initial:
            self._prove()
        if self._initial and now - self._began >= self.deadline:
            self._give_up()
        self._consumption.measure(self._meter, now, self.reachable and self.alone)
        wanted = self.wanted()
        for _ in range(wanted - len(self._running)):
            self._add()
        for _ in range(len(self._running) - wanted):
            self._remove(min(self._running.values(), key=lambda pod: (pod.ready, pod.in_flight + self._consumption.busy(pod.uid), -pod.began)))

    def _add(self) -> None:
        try:
            listen = self._open_port(self._host_port) if self._host_port is not None else None
        except OSError as error:
            self.failure = ("HostPortTaken", f"port {self._host_port} of this machine cannot be opened: {error.strerror or error}")
            self._changed(self)
            return
        port = listen.getsockname()[1] if listen is not None else free_port(self._pods.node.ways)
        metadata = self.revision["metadata"]
        labels = metadata.get("labels") or {}
        own = {"app": self.name, "serving.knative.dev/revision": self.name, "serving.knative.dev/revisionUID": self.uid}
        template = {"metadata": metadata, "spec": pod_spec(self.revision["spec"], port)}
        object = self._pods.make(self.revision, f"{self.name}-deployment", template, own)
        given = {
            "PORT": str(port), "CAPSULE_BIND": LOOPBACK, "K_REVISION": self.name,
            "K_SERVICE": labels.get("serving.knative.dev/service", ""), "K_CONFIGURATION": labels.get("serving.knative.dev/configuration", ""),
            **self._consumption.environment(object, self.scale.hard, self.reachable and self.alone),
        }  # fmt: skip
        pod = self._pods.run(object, self._pod_changed, restart=True, port=port, given=given, listen=listen, grace=self.timeout)
        self._running[pod.uid] = pod
        self._changed(self)

    def _remove(self, pod: Pod) -> None:
        """No new requests; those it has may end."""
        del self._running[pod.uid]
        self._consumption.forget(pod.uid)
        task = asyncio.create_task(self._drain(pod), name=f"drain {pod.name}")
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
        self._changed(self)

    async def _drain(self, pod: Pod) -> None:
        until = self._loop.time() + self.timeout
        while pod.in_flight and self._loop.time() < until and not self._stopped:  # noqa: ASYNC110 - rare, and short
            await asyncio.sleep(0.05)
        await self._pods.discard(pod)

    # --- how they are

    def _pod_changed(self, pod: Pod) -> None:
        if pod.uid not in self._running:
            return
        if pod.state is State.READY:
            self.failure = None
            if self._initial and self.ready_pods >= max(min(self.scale.initial, self.scale.maximum or self.scale.initial), 1):
                self._prove()
            self._waiting.hand_out()
        elif pod.state is State.ENDED:  # deleted over the API, or its keeper failed
            del self._running[pod.uid]
            self._consumption.forget(pod.uid)
            self._loop.call_soon(self.tick)
        elif pod.state is State.WAITING:
            self._weigh(pod)
        self._changed(self)

    def _prove(self) -> None:
        self.proven, self._initial, self.failure, self.gave_up = True, False, None, False
        self._meter.ended = self._loop.time()
        self._changed(self)

    def _weigh(self, pod: Pod) -> None:
        if pod.trouble is not None:
            self.failure = pod.trouble
            if pod.trouble[0] == "ImagePullBackOff" and self._initial:
                self._give_up()
        elif pod.exit is not None and (pod.failures >= CRASHES or self._initial):
            self.failure = (pod.exit.short, pod.exit.message or f"the container ended with exit code {pod.exit.code} and printed nothing")
            if self._initial and pod.failures >= CRASHES:
                self._give_up()
        if self.failure and not self.ready_pods and (pod.failures >= CRASHES or pod.trouble is not None):
            self._waiting.fail(f"no pod of {self.name} can start{self._why()}")

    def _give_up(self) -> None:
        """It never became ready: its pods end, its reason stays."""
        if self.gave_up:
            return
        pod = next(iter(self._running.values()), None)
        if self.failure is None and pod is not None:
            self.failure = ("ProgressDeadlineExceeded", self._never(pod))
        self.failure = self.failure or ("ProgressDeadlineExceeded", f"no pod was ready within {self.deadline:g} s")
        self.gave_up = True
        log.info("revision %s/%s failed: %s: %s", self.namespace, self.name, *self.failure)
        self._loop.call_soon(self.tick)
        self._changed(self)

    def _never(self, pod: Pod) -> str:
        """What a person needs to mend it."""
        within = f"within {self.deadline:g} s"
        if pod.unready.startswith("nothing listens"):
            other = [port for port in pod.listens_on() if port != pod.port]
            hint = f"; it listens on {', '.join(map(str, other))}, but must listen on the port in $PORT" if other else ""
            return f"the container never listened on port {pod.port} (its $PORT) {within}{hint}"
        return f"the container never became ready {within}: {pod.unready or 'it was not asked yet'}"

    async def stop(self, grace: float | None = None) -> None:
        self._stopped = True
        self._waiting.fail(f"revision {self.name} is gone")
        await asyncio.gather(*(self._pods.discard(pod, grace) for pod in list(self._running.values())), *self._leaving)
        self._running.clear()
