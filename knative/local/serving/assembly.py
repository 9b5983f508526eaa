"""Knative Serving on one machine: Services whose revisions are local processes, scaled from zero to max-scale and back, behind one ingress.

- Reconcilers: a Service becomes a Configuration and a Route (`services`); each change of a Configuration becomes an
  immutable Revision (`configurations`); a Route becomes entries of the routing table (`routes`, `routing`,
  `host_claims`)
- Scaling: each Revision has a `scaler`, which queues requests (`request_queue`) and asks `autoscaler` (pure) for the
  number of pods
- Pods: `pods`, on the `node` that they share
- Requests: `front` opens and closes `ingress`, over `http`; `destinations` and `loopback_ports` for its other listeners; `build_access` for
  builds
- Disk: `disk_pressure` (pure), `eviction`, `reclaimable`, `disk_usage`, `build_caches`

Dependencies point from reconcilers to scalers to pods to node. Nothing here knows eventing: its collector and its
queues are set by `assembly`.
"""

import ssl
from pathlib import Path

from knative.local.autoscaling.pod_usage import PodUsage
from knative.local.certificate_renewal import CertificateRenewal
from knative.local.controller import Reconciler, Runnable
from knative.local.listening_sockets import ListeningSockets
from knative.local.serving.configurations import Configurations
from knative.local.serving.disk_usage import DiskUsage
from knative.local.serving.domain_mappings import DomainMappings
from knative.local.serving.domain_ports import PublicPorts
from knative.local.serving.eviction import DiskPressure
from knative.local.serving.front import Front
from knative.local.serving.http.upstreams import Upstreams
from knative.local.serving.ingress import Ingress
from knative.local.serving.loopback_ports import LoopbackPorts
from knative.local.serving.node import Collector, Node, Queues
from knative.local.serving.pods.registry import Pods
from knative.local.serving.reclaimable import Reclaimable
from knative.local.serving.revisions import Revisions
from knative.local.serving.routes import Routes
from knative.local.serving.routing import Routing, RoutingTable, ServiceCaller, Services
from knative.local.serving.services import ServiceReconciler
from knative.local.settings import Https, Settings
from knative.local.store import Store
from knative.local.tokens import Tokens


def _tls(https: Https | None, table: RoutingTable) -> ssl.SSLContext | None:
    if https is None:
        return None
    from knative.local.serving.http.certificates import Certificates  # loads the signing library

    def serves(name: str) -> bool:
        return name == "localhost" or name.endswith(".localhost") or table.by_host(name) is not None

    return Certificates(https.authority, https.signed_key, https.own, https.ordered, serves, table.certificate).context


class Serving:
    """The assembled package.

    `services` and `is_consuming` are for eventing's dispatchers, `pods` for jobs, `disks` for the collector, `usage` and `redis_services` for
    autoscaling, `metrics` for the API.
    """

    def __init__(self, store: Store, settings: Settings, tokens: Tokens, authority: Path, sockets: ListeningSockets) -> None:
        """`authority`: the certificate of the API's authority."""
        self._node = Node(store, settings, tokens, authority)
        self.pods = Pods(self._node)
        self.disks = DiskUsage(self._node, self.pods)
        self.usage = PodUsage(self.pods.used)
        self.redis_services = self._node.redis_services
        revisions = Revisions(store, settings, self.pods, sockets, self.usage)
        table, upstreams = RoutingTable(settings.own_hosts), Upstreams(self._node.pod_networks.connect)
        routing = Routing(self._node, table, revisions)
        self.storage: tuple[Runnable, ...] = (self._node.trash, self._node.image_collector)
        """Started before the API, so that remains of a previous run are gone when it answers."""
        self.services: Services = ServiceCaller(routing, upstreams)
        self.is_consuming = routing.is_consuming
        self.metrics = revisions.metrics
        public = PublicPorts(settings.public_address, settings.public_http_port, settings.public_https_port, sockets.open)
        tls = _tls(settings.https, table)
        ingress = Ingress(routing, upstreams, settings.ingress_port, settings.health_check_keys, sockets.open, tls, public)
        ports = LoopbackPorts(ingress, table, settings.port_offset, sockets)
        self._node.pod_networks.ingress, self._node.pod_networks.allowed_networks = ingress, settings.egress_allow
        pressure = DiskPressure(self.pods, Reclaimable(self._node), settings.state, is_build=self._node.is_build)
        self._node.start_refusal = pressure.refusal
        renewal = CertificateRenewal(settings.https.ordered if settings.https else ())
        self.parts: tuple[Runnable, ...] = (
            self._node.postgres_services,
            self._node.redis_services,
            self.pods,
            self._node.migration,
            revisions,
            ports,
            pressure,
            renewal,
        )
        routes = Routes(store, settings, table, revisions, ports)
        mappings = DomainMappings(store, table.domains, settings.public_https_port)
        self.reconcilers: tuple[Reconciler, ...] = (
            ServiceReconciler(store),
            Configurations(store),
            revisions,
            routes,
            mappings,
            *self._node.volumes.reconcilers,
        )

        def is_loaded() -> bool:
            return routes.is_loaded() and revisions.has_all() and mappings.is_loaded()

        self.front = Front(ingress, revisions, is_loaded, settings.state, has_backlog=bool(settings.listening_sockets))

    def set_collector(self, collector: Collector) -> None:
        self._node.collector = collector

    def set_queues(self, queues: Queues) -> None:
        self._node.queues = queues
