"""Which parts there are, who is given whom, and in which order they start: state and API first, then what acts on it, the controller last.

Eventing needs serving to deliver to Services, serving needs eventing's collector for its pods' lines: the knot is tied here and nowhere else.
"""

from collections.abc import Sequence

from knative.local.api.server import APIServer
from knative.local.controller import Controller, Reconciler, Runnable
from knative.local.definitions import Definitions
from knative.local.garbage import Collector
from knative.local.namespaces import Namespaces, bootstrap
from knative.local.orphans import Orphans
from knative.local.quotas import Quotas, QuotaStatus
from knative.local.settings import Settings
from knative.local.store import Store
from knative.local.tls import Certificates
from knative.local.tokens import Tokens


def api_alone(store: Store, kinds: Definitions, settings: Settings) -> Sequence[Runnable]:
    """Objects, and what belongs to all of them: namespaces, quotas, garbage."""
    return [*_api(store, kinds, settings, _tokens(store, settings)), Controller(store, _of_all_objects(store, kinds))]


def everything(store: Store, kinds: Definitions, settings: Settings) -> Sequence[Runnable]:
    from knative.local.eventing import assembly as eventing
    from knative.local.jobs import Jobs
    from knative.local.serving import Serving

    tokens = _tokens(store, settings)
    serving = Serving(store, settings, tokens, Certificates.within(settings.state / "tls").authority)
    events = eventing.assemble(store, settings.amqp_url, serving.services, is_consumed=serving.consuming)
    serving.take_collector(events.collector)
    serving.take_queues(events.dispatchers.queues)
    events.collector.set_sources(serving.pods, serving.disks)
    reconcilers = [*_of_all_objects(store, kinds), *serving.reconcilers, Jobs(store, serving.pods), *events.reconcilers]
    return [Orphans(), *serving.storage, *_api(store, kinds, settings, tokens), *events.runnables, *serving.parts, Controller(store, reconcilers)]


def _tokens(store: Store, settings: Settings) -> Tokens:
    return Tokens(store, settings.state / "tls")


def _api(store: Store, kinds: Definitions, settings: Settings, tokens: Tokens) -> list[Runnable]:
    bootstrap(store)
    return [APIServer(store, kinds, settings, tokens), Collector(store)]


def _of_all_objects(store: Store, kinds: Definitions) -> list[Reconciler]:
    return [Namespaces(store), QuotaStatus(store, Quotas(store, kinds))]
