"""Scale one Revision: as many pods as its requests need, and a queue while no pod has capacity (Knative's activator and autoscaler).

A new revision starts without requests (initial-scale) and must become ready before its progress deadline; only then may
it get traffic. After that `autoscaler` decides, at each tick and at once when a request has to wait.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping

from knative.local.autoscaling.pod_usage import PodUsage
from knative.local.objects import Object
from knative.local.records import Entry
from knative.local.serving.autoscaler import Scale
from knative.local.serving.consumption import Consumption
from knative.local.serving.demand import Demand
from knative.local.serving.initial_readiness import deadline_failure, exit_failure, progress_deadline_seconds, serving_path
from knative.local.serving.node import PLATFORM_NAMESPACES
from knative.local.serving.pod_starter import PodStarter, PortTaken
from knative.local.serving.pods import activation
from knative.local.serving.pods.pod import Pod
from knative.local.serving.pods.registry import Pods
from knative.local.serving.pods.state import IMAGE_PULL_BACK_OFF, Stage, StartFailure
from knative.local.serving.request_queue import STOPPED, NotReadyInTime, RequestQueue

log = logging.getLogger(__name__)

HOST_PORT = "local.capsule.dev/host-port"
"""Annotation: a port of this machine to listen on. For the platform's namespaces only."""
MIN_SCALE = "autoscaling.knative.dev/min-scale"
DEFAULT_TIMEOUT_SECONDS = 300.0
MAX_CRASHES = 3
"""Exits in a row after which a container counts as broken."""
READY_ONCE = "ResourcesAvailable"
"""The condition that stays True once a revision has been ready."""


def inherits_host_port(annotations: Mapping[str, str]) -> bool:
    """Return whether pods listen on the annotated host port themselves: one of them always runs. Otherwise the ingress does."""
    return HOST_PORT in annotations and annotations.get(MIN_SCALE, "0") != "0"


class Scaler:
    def __init__(
        self,
        pods: Pods,
        stored: Entry,
        defaults: Mapping[str, str],
        on_change: Callable[["Scaler"], None],
        open_port: Callable[[int], socket.socket | None],
        usage: PodUsage,
        retries_forever: bool = False,
    ) -> None:
        """`stored`: the revision. `defaults`: ConfigMap config-autoscaler. `open_port` returns a listening socket that outlives the pods; None: the
        ingress has the port."""
        self.stored = stored
        """Parsed when a pod starts: parsed objects of all revisions would need twice their memory."""
        revision = stored.object()
        metadata, spec = revision["metadata"], revision["spec"]
        annotations = metadata.get("annotations") or {}
        self.namespace, self.name, self.uid = metadata["namespace"], metadata["name"], metadata["uid"]
        self.timeout_seconds = float(spec.get("timeoutSeconds") or DEFAULT_TIMEOUT_SECONDS)
        self.progress_deadline_seconds = progress_deadline_seconds(annotations)
        self._demand = Demand(revision, defaults, usage)
        self.is_reachable = False
        """Whether a Route leads to this revision."""
        self.is_paused = False
        """Whether its Service is stopped."""
        self.is_held_back = False
        """Whether it must not start pods yet."""
        self.is_status_delayed = False
        """Whether a change of it is not published yet, because requests wait."""
        self.is_sole_target = False
        """Whether that Route leads to no other revision."""
        conditions = (revision.get("status") or {}).get("conditions") or []
        self.has_been_ready = any(each["type"] == READY_ONCE and each["status"] == "True" for each in conditions)
        self.failure: StartFailure | None = None
        """Why it is not healthy."""
        self.has_failed = False
        """Whether it failed to become ready, so that its pods were ended."""
        self.retries_forever = retries_forever
        """For the platform's own revisions: retried after they have failed, for example until the database is back."""
        self._pods, self._on_change = pods, on_change
        self._consumption = Consumption(pods.node, revision)
        self._loop = asyncio.get_running_loop()
        self._running: dict[str, Pod] = {}
        self._draining: dict[asyncio.Task[None], Pod] = {}
        self._queue = RequestQueue(self._find_pod)
        self._created_at = self._loop.time()
        has_port = self.namespace in PLATFORM_NAMESPACES and inherits_host_port(annotations)
        self.host_port = int(annotations[HOST_PORT]) if has_port else None
        self._starter = PodStarter(pods, self.host_port, open_port, activation.is_activated(revision), self.timeout_seconds)
        self._is_stopped = False
        self._is_initial = not self.has_been_ready
        """Whether it still has to become ready for the first time."""
        if self._is_initial:
            self._loop.call_later(self.progress_deadline_seconds, self.tick)

    @property
    def revision(self) -> Object:
        return self.stored.object()

    # --- observations

    @property
    def ready_pods(self) -> int:
        return sum(pod.state.is_ready for pod in self._running.values())

    @property
    def pods(self) -> list[Pod]:
        return list(self._running.values())

    @property
    def is_idle(self) -> bool:
        """It needs no tick."""
        return not (self._running or self._queue or (self.desired_pods() and not self._is_stopped))

    @property
    def in_flight(self) -> int:
        return self._consumption.in_flight + sum(pod.in_flight for pod in self._running.values())

    @property
    def waiting(self) -> int:
        return len(self._queue)

    @property
    def is_awaited(self) -> bool:
        """Whether requests wait for a pod or for an answer."""
        return self.waiting > 0 or self.in_flight > 0

    @property
    def is_consuming(self) -> bool:
        """Whether a ready pod consumes its messages from the queue itself."""
        return self._consumption.is_active(uid for uid, pod in self._running.items() if pod.state.is_ready)

    @property
    def scale(self) -> Scale:
        return self._demand.scale

    def rescale(self, defaults: Mapping[str, str]) -> None:
        """Read the scale settings again. `defaults`: ConfigMap config-autoscaler."""
        self._demand.rescale(self.revision, defaults)

    @property
    def last_used_at(self) -> float:
        """When its last request ended, on the event loop's clock; now if it has one."""
        return self._loop.time() if self.in_flight else self._demand.meter.last_ended_at

    def wake(self) -> None:
        """Start a pod as if a request had just ended, if there is none and requests may come."""
        if self._running or self._is_stopped or self.is_held_back or self.is_paused or self.has_failed or not self.is_reachable:
            return
        self._demand.touch()
        self._add()

    # --- requests

    async def acquire(self, timeout_seconds: float, *, may_start: bool = False) -> Pod:
        """Return a pod with capacity, starting one if necessary. Call `release` with it afterwards. Raises Unavailable, NotReadyInTime.

        `may_start`: the pod may be one that is starting, if its listening socket is open already (`Pod.accepts_early`).
        """
        self._demand.begin()
        pod = self._find_pod() if not self._queue else None
        if pod is not None:
            pod.in_flight += 1
            return pod
        future = self._queue.enqueue()
        self.tick()
        if may_start and not future.done() and (pod := self._find_starting_pod()) is not None:
            self._queue.cancel(future)
            pod.in_flight += 1
            return pod
        try:
            return await asyncio.wait_for(future, timeout_seconds)
        except TimeoutError:
            self._cancel(future)
            raise NotReadyInTime(f"No pod of {self.name} was ready within {timeout_seconds:g} s{self._reason()}.") from None
        except BaseException:
            self._cancel(future)
            raise

    def release(self, pod: Pod) -> None:
        pod.in_flight -= 1
        self._demand.end()
        self._queue.dispatch()
        if self.is_status_delayed and not self.is_awaited:
            self._on_change(self)

    def _cancel(self, future: "asyncio.Future[Pod]") -> None:
        self._demand.end()
        self._queue.cancel(future)

    def _find_pod(self) -> Pod | None:
        """Return the ready pod with the fewest requests; None when it is at its limit."""
        best: Pod | None = None
        for pod in self._running.values():
            if pod.state.is_ready and not pod.is_terminating and (best is None or pod.in_flight < best.in_flight):
                best = pod
        return best if best is not None and (not self.scale.max_concurrency or best.in_flight < self.scale.max_concurrency) else None

    def _find_starting_pod(self) -> Pod | None:
        """Return a pod that starts for the first time, of a revision that has served before. None if those that there are have no capacity."""
        if self._is_initial or self.failure is not None:
            return None
        limit = self.scale.max_concurrency
        found = (pod for pod in self._running.values() if pod.accepts_early and (not limit or pod.in_flight < limit))
        return min(found, key=lambda pod: pod.in_flight, default=None)

    def _reason(self) -> str:
        return f": {self.failure.reason}: {self.failure.message.rstrip('.')}" if self.failure else ""

    # --- scaling

    def desired_pods(self) -> int:
        if self._is_stopped or self.is_held_back or (self.has_failed and not self.retries_forever) or (self.is_paused and not self._is_initial):
            return 0
        if self.host_port is not None:
            return 1 if self.is_reachable or self._is_initial else 0
        waiting = self.waiting + self._consumption.pods_at_capacity
        count = self._demand.desired_pods(self._running.values(), self.in_flight, waiting, is_reachable=self.is_reachable)
        if self._is_initial:
            count = max(count, self.scale.initial_pods, self.scale.min_pods if self.is_reachable else 0)
        return count

    def tick(self) -> None:
        """Add or remove pods until their number is the desired one, and check the progress deadline."""
        now = self._loop.time()
        if self._is_initial and not self.scale.initial_pods:
            self._mark_ready()
        if self._is_initial and now - self._created_at >= self.progress_deadline_seconds:
            self._fail()
        self._consumption.measure(self._demand.meter, now, self._may_consume)
        count = self.desired_pods()
        for _ in range(count - len(self._running)):
            self._add()
        for _ in range(len(self._running) - count):
            self._remove(min(self._running.values(), key=self._removal_order))
        if self.is_paused and not self._is_initial:
            self._queue.fail(STOPPED)  # a request that came while the Service was being stopped

    @property
    def _may_consume(self) -> bool:
        return self.is_reachable and self.is_sole_target

    def _removal_order(self, pod: Pod) -> tuple[bool, int, float]:
        """Pods that are not ready first, then those with the fewest requests, then the newest."""
        return pod.state.is_ready, pod.in_flight + self._consumption.in_flight_of(pod.uid), -pod.created_at

    def _add(self) -> None:
        def environment(object: Object) -> Mapping[str, str]:
            return self._consumption.environment(object, self.scale.max_concurrency, self._may_consume)

        try:
            pod = self._starter.start(self.revision, self._on_pod_change, environment, self._serving_path)
        except PortTaken as error:
            self.failure = StartFailure("HostPortTaken", str(error))
            self._on_change(self)
            return
        self._running[pod.uid] = pod
        self._on_change(self)

    def _serving_path(self) -> str | None:
        return serving_path(self.revision["metadata"].get("annotations") or {}) if self._is_initial else None

    def _remove(self, pod: Pod) -> None:
        """Send the pod no new requests and end it when those that it has have ended."""
        del self._running[pod.uid]
        self._consumption.remove(pod.uid)
        task = asyncio.create_task(self._pods.delete(pod), name=f"drain {pod.name}")
        self._draining[task] = pod
        task.add_done_callback(self._draining.pop)
        self._on_change(self)

    # --- health

    def _on_pod_change(self, pod: Pod) -> None:
        if pod.uid not in self._running:
            return
        match Stage.ENDED if pod.is_terminating else pod.state.stage:
            case Stage.READY:
                self.failure = None
                initial = min(self.scale.initial_pods, self.scale.max_pods or self.scale.initial_pods)
                if self._is_initial and self.ready_pods >= max(initial, 1):
                    self._mark_ready()
                self._queue.dispatch()
            case Stage.ENDED:  # deleted over the API, or the platform failed to run it
                del self._running[pod.uid]
                self._consumption.remove(pod.uid)
                self._loop.call_soon(self.tick)
            case Stage.WAITING:
                self._on_pod_waiting(pod)
        self._on_change(self)

    def _mark_ready(self) -> None:
        self.has_been_ready, self._is_initial, self.failure, self.has_failed = True, False, None, False
        self._demand.touch()
        self._on_change(self)

    def _on_pod_waiting(self, pod: Pod) -> None:
        """Record why a pod does not run. A new revision fails for good after MAX_CRASHES, or at once without an image."""
        start_failure, exit, failures = pod.state.start_failure, pod.state.exit, pod.state.failures
        if start_failure is not None:
            self.failure = start_failure
            if start_failure.reason == IMAGE_PULL_BACK_OFF and self._is_initial:
                self._fail()
        elif exit is not None and (failures >= MAX_CRASHES or self._is_initial):
            self.failure = exit_failure(pod, exit)
            if self._is_initial and failures >= MAX_CRASHES:
                self._fail()
        if self.failure and not self.ready_pods and (failures >= MAX_CRASHES or start_failure is not None):
            self._queue.fail(f"No pod of {self.name} can start{self._reason()}.")

    def _fail(self) -> None:
        """Give the revision up: it did not become ready. Its pods end; `failure` says why. Idempotent."""
        if self.has_failed:
            return
        if self.failure is None:
            self.failure = deadline_failure(next(iter(self._running.values()), None), self.progress_deadline_seconds)
        self.has_failed = True
        log.info("revision %s/%s failed: %s: %s", self.namespace, self.name, self.failure.reason, self.failure.message)
        self._loop.call_soon(self.tick)
        self._on_change(self)

    async def stop(self, grace_seconds: float | None = None) -> None:
        """End all pods: without `grace_seconds`, those of a deleted revision, after their requests."""
        self._is_stopped = True
        self._queue.fail(f"Revision {self.name} has been deleted.")
        pods = [*self._running.values(), *self._draining.values()]
        self._running.clear()
        await asyncio.gather(*(self._pods.delete(pod, grace_seconds) for pod in pods), *self._draining)
