"""Assemble the parts of the one-machine Knative in the order in which they start: state and API first, then what acts on them, the controllers, and
last the front that accepts requests.

Eventing needs serving to deliver to Services, and serving needs eventing's collector for its pods' lines. They are
connected here and nowhere else.
"""

from collections.abc import Callable, Sequence

from knative.local.api.attach import FindStreams
from knative.local.api.server import APIServer
from knative.local.controller import Controller, Reconciler, Runnable
from knative.local.definitions import Definitions
from knative.local.garbage_collection import GarbageCollector
from knative.local.listening_sockets import ListeningSockets
from knative.local.namespaces import Namespaces, bootstrap
from knative.local.processes.orphans import OrphanReaper
from knative.local.quotas import Quotas, QuotaStatus
from knative.local.settings import Settings
from knative.local.store import Store
from knative.local.tls import Certificates
from knative.local.tokens import Tokens


def api_only(store: Store, kinds: Definitions, settings: Settings) -> Sequence[Runnable]:
    """Return the API with what applies to all objects: namespaces, quotas, garbage collection."""
    return [
        *_api(store, kinds, settings, _tokens(store, settings), lambda namespace, pod: None),
        Controller(store, _common_reconcilers(store, kinds)),
    ]


def everything(store: Store, kinds: Definitions, settings: Settings) -> Sequence[Runnable]:
    from knative.local.autoscaling.destinations import Destinations
    from knative.local.autoscaling.horizontal import HorizontalPodAutoscalers
    from knative.local.autoscaling.scaled_objects import ScaledObjects
    from knative.local.autoscaling.triggers import Triggers
    from knative.local.deployments import Deployments
    from knative.local.eventing import assembly as eventing
    from knative.local.eventing.connected_controller import ConnectedController
    from knative.local.eventing.trigger import TriggerReconciler
    from knative.local.jobs import CronJobs, Jobs
    from knative.local.serving.assembly import Serving
    from knative.local.serving.node import PLATFORM_NAMESPACES

    tokens = _tokens(store, settings)
    sockets = ListeningSockets(settings.state / "listening.sock", settings.listening_sockets)
    serving = Serving(store, settings, tokens, Certificates.within(settings.state / "tls").authority, sockets)
    mark = settings.state / "rabbitmq-mark"
    events = eventing.assemble(store, settings.amqp_url, serving.services, is_consumed=serving.is_consuming, mark_file=mark)
    serving.set_collector(events.collector)
    serving.set_queues(events.dispatchers.queues)
    events.collector.set_sources(serving.pods, serving.disks)
    workloads: list[Reconciler] = [Jobs(store, serving.pods), CronJobs(store), Deployments(store, serving.pods)]
    triggers = Triggers(store, serving.services, settings.services_dedicated_port, serving.redis_services, Destinations(settings.egress_allow))
    scaled_objects = ScaledObjects(store, triggers)
    workloads += [scaled_objects, HorizontalPodAutoscalers(store, serving.usage, scaled_objects.read_external)]
    reconcilers = [*_common_reconcilers(store, kinds), *serving.reconcilers, *workloads]
    api = _api(store, kinds, settings, tokens, serving.pods.find_streams, serving.metrics.exposition, lambda: serving.front.is_open)

    def has_dispatchers() -> bool:
        keys = (entry.key[1:] for entry in store.entries(TriggerReconciler.kind))
        return events.dispatchers.has_all(key for key in keys if key[0] in PLATFORM_NAMESPACES)

    serving.front.wait_for(has_dispatchers)
    of_events = ConnectedController(events.rabbit, Controller(store, events.reconcilers), events.topology.wait_until_recognized)
    controllers: list[Runnable] = [Controller(store, reconcilers), of_events]
    return [OrphanReaper(), sockets, *serving.storage, *api, *events.runnables, *serving.parts, events.dispatchers, *controllers, serving.front]


def _tokens(store: Store, settings: Settings) -> Tokens:
    return Tokens(store, settings.state / "tls")


def _api(
    store: Store,
    kinds: Definitions,
    settings: Settings,
    tokens: Tokens,
    find_streams: FindStreams,
    metrics: Callable[[], bytes] = lambda: b"",
    is_ready: Callable[[], bool] = lambda: True,
) -> list[Runnable]:
    bootstrap(store)
    return [APIServer(store, kinds, settings, tokens, find_streams, metrics, is_ready), GarbageCollector(store)]


def _common_reconcilers(store: Store, kinds: Definitions) -> list[Reconciler]:
    return [Namespaces(store), QuotaStatus(store, Quotas(store, kinds))]
