"""Knative Serving on one machine: Services whose revisions are local processes, from zero to max-scale and back, behind one ingress.

A Service becomes a Configuration and a Route (`services`), a Configuration an immutable Revision a change (`configurations`), a Route the
table by which the ingress finds revisions (`routes`, `routing`, `host_claims`).
A Revision is run by a `Scaler`: pods (`pods`) as many as its requests
need (`autoscaler`, pure), requests waiting while there is none (`scaler`). What a pod is given (environment, files) is worked out in
`container`, `environment` and `volumes`; `ingress`, over `http_server`, `http_exchange` and `http_client`, carries requests to it.
"""

from pathlib import Path

from knative.local.controller import Reconciler, Runnable
from knative.local.serving.configurations import Configurations
from knative.local.serving.disk_usage import DiskUsage
from knative.local.serving.eviction import DiskPressure
from knative.local.serving.http_upstreams import Upstreams
from knative.local.serving.ingress import Ingress
from knative.local.serving.loopback_ports import LoopbackPorts
from knative.local.serving.node import Collector, Node, Queues
from knative.local.serving.pod_registry import Pods
from knative.local.serving.reclaimable import Reclaimable
from knative.local.serving.revisions import Revisions
from knative.local.serving.routes import Routes
from knative.local.serving.routing import Direct, Routing, Services, Table
from knative.local.serving.services import ServiceObjects
from knative.local.settings import Settings
from knative.local.store import Store
from knative.local.tokens import Tokens


class Serving:
    """All of it, put together. `services` is for eventing's dispatchers, `pods` for jobs, `disks` for the collector;
    `take_collector` once eventing is there."""

    def __init__(self, store: Store, settings: Settings, tokens: Tokens, authority: Path) -> None:
        self._node = Node(store, settings, tokens, authority)
        self.pods = Pods(self._node)
        self.disks = DiskUsage(self._node, self.pods)
        revisions = Revisions(store, settings, self.pods)
        table, upstreams = Table(), Upstreams(self._node.ways.connect)
        routing = Routing(self._node, table, revisions)
        self.storage: tuple[Runnable, ...] = (self._node.trash, self._node.keeper)
        """Before the API: what a former run left is out of the way then."""
        self.services: Services = Direct(routing, upstreams)
        self.consuming = routing.consuming
        ingress = Ingress(routing, upstreams, settings.ingress_port)
        ports = LoopbackPorts(ingress, table, settings.port_offset)
        self._node.ways.ingress, self._node.ways.allowed = ingress, settings.egress_allow
        pressure = DiskPressure(self.pods, Reclaimable(self._node), settings.state, is_build=self._node.is_build)
        self._node.refusal = pressure.refusal
        self.parts: tuple[Runnable, ...] = (self.pods, self._node.migration, revisions, ingress, ports, pressure)
        self.reconcilers: tuple[Reconciler, ...] = (
            ServiceObjects(store), Configurations(store), revisions, Routes(store, settings, table, revisions, ports),
        )  # fmt: skip

    def take_collector(self, collector: Collector) -> None:
        self._node.collector = collector

    def take_queues(self, queues: Queues) -> None:
        self._node.queues = queues
