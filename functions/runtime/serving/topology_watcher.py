"""Keep Capsule's exchanges bound to the Broker's on a cluster: the Deployment `python -m functions.runtime.serving.topology_watcher`.

A controller of one kind of state: the bindings that `topology` plans from the cluster's objects. It declares the exchanges at its start,
binds when the Broker and its Triggers are ready, and again when one of them was created anew, which gives queues and exchanges other names.
Every RESYNC_SECONDS it declares all of it again, for a RabbitMQ that was set up anew behind the same objects. Between these moments it has
no connection to RabbitMQ. Idempotent; two instances do the same twice.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pika
from pika.exceptions import AMQPError

from functions.runtime.config.settings import Settings
from functions.runtime.config.variables import AMQP_URL, BROKER, NAMESPACE
from functions.runtime.serving import topology
from functions.runtime.serving.topology import Binding, Cluster, NotReady, TopologyRefused
from functions.runtime.serving.transport_security import require_tls
from functions.wire.settings import InvalidSetting

RESYNC_SECONDS = 600.0
RETRY_SECONDS = 5.0
MIN_PAUSE_SECONDS = 2.0
"""Between two readings of the cluster: a roll-out changes every Trigger several times."""
WATCH_SECONDS = 1800
READY_FILE = Path("/tmp/ready")
"""Exists while everything is bound; the readiness probe tests it."""
WATCHED = ("brokers", "triggers")

Plan = tuple[list[Binding], list[Binding]]


class Plans(Protocol):
    def plan(self) -> Plan:
        """Return the bindings to declare, and those to delete. Raises NotReady."""
        ...


class Watcher:
    """Brings RabbitMQ to what the cluster's objects require."""

    def __init__(
        self, plans: Plans, parameters: pika.URLParameters, ready_file: Path = READY_FILE, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._plans = plans
        self._parameters = parameters
        self._ready_file = ready_file
        self._monotonic = monotonic
        self._bound: Plan | None = None
        self._bound_at = 0.0
        self._has_exchanges = False
        self._problem = ""

    def reconcile(self) -> float:
        """Bind what is not bound yet. Returns the seconds until the next attempt, unless an object changes before."""
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        try:
            self._declare_exchanges()
            self._bind(self._plans.plan())
        except NotReady as error:
            return self._wait(f"waiting: {error}", MIN_PAUSE_SECONDS)
        except TopologyRefused as error:
            return self._wait(str(error), RETRY_SECONDS)
        except (AMQPError, OSError) as error:
            return self._wait(f"RabbitMQ cannot be reached: {type(error).__name__}: {error}", RETRY_SECONDS)
        except (ApiException, HTTPError) as error:
            return self._wait(f"the Kubernetes API does not answer: {error}", RETRY_SECONDS)
        self._problem = ""
        self._ready_file.touch()
        return RESYNC_SECONDS

    def _declare_exchanges(self) -> None:
        """The bus works from here on, also while the Broker is not ready."""
        if not self._has_exchanges:
            topology.with_channel(self._parameters, topology.declare_exchanges)
            self._has_exchanges = True

    def _bind(self, plan: Plan) -> None:
        is_due = self._monotonic() - self._bound_at >= RESYNC_SECONDS
        if plan == self._bound and not is_due:
            return

        def declare(channel: Any) -> None:
            topology.declare_exchanges(channel)
            topology.rebind(channel, *plan)

        topology.with_channel(self._parameters, declare)
        self._bound, self._bound_at = plan, self._monotonic()
        print(f"{len(plan[0])} bindings declared", flush=True)

    def _wait(self, problem: str, seconds: float) -> float:
        """Not ready. Each problem is logged once."""
        self._ready_file.unlink(missing_ok=True)
        if problem != self._problem:
            print(problem, flush=True)
        self._problem = problem
        return seconds


def follow(cluster: Cluster, plural: str, changed: threading.Event) -> None:
    """Set `changed` whenever an object of this kind was created, changed or deleted. Never returns."""
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    while True:
        try:
            for _ in _changes(cluster, plural):
                changed.set()
        except (ApiException, HTTPError, OSError) as error:
            print(f"the watch of {plural} ended: {error}", flush=True)
            time.sleep(RETRY_SECONDS)
        changed.set()  # whatever has changed between two watches


def _changes(cluster: Cluster, plural: str) -> Iterator[Any]:
    from kubernetes import watch

    arguments = ("eventing.knative.dev", "v1", cluster.namespace, plural)
    yield from watch.Watch().stream(cluster.api.list_namespaced_custom_object, *arguments, timeout_seconds=WATCH_SECONDS)


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        require_tls(Settings())
        parameters = pika.URLParameters(AMQP_URL.read(os.environ))
    except InvalidSetting as error:
        print(error, file=sys.stderr)
        return 1
    cluster = Cluster(NAMESPACE.read(os.environ), BROKER.read(os.environ))
    watcher, changed = Watcher(cluster, parameters), threading.Event()
    for plural in WATCHED:
        threading.Thread(target=follow, args=(cluster, plural, changed), daemon=True).start()
    while True:
        changed.clear()
        seconds = watcher.reconcile()
        time.sleep(min(seconds, MIN_PAUSE_SECONDS))
        changed.wait(max(0.0, seconds - MIN_PAUSE_SECONDS))


if __name__ == "__main__":
    sys.exit(main())
