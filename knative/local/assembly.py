"""Which parts there are and in which order they start: state and API first, then what acts on it, the controller last."""

from collections.abc import Sequence
from dataclasses import dataclass

from knative.local.api.part import APIPart
from knative.local.controller import Controller, Part, Reconciler
from knative.local.definitions import Definitions
from knative.local.eventing import eventing
from knative.local.garbage import Collector
from knative.local.jobs import Jobs
from knative.local.namespaces import Namespaces, bootstrap
from knative.local.quotas import Quotas, QuotaStatus
from knative.local.serving import Serving
from knative.local.settings import Settings
from knative.local.store import Store
from knative.local.tls import Certificates
from knative.local.tokens import Tokens


@dataclass(frozen=True)
class Assembly:
    parts: Sequence[Part]

    @classmethod
    def of_api(cls, store: Store, kinds: Definitions, settings: Settings) -> "Assembly":
        """Objects, and what belongs to all of them: namespaces, quotas, garbage."""
        bootstrap(store)
        tokens = Tokens(store, settings.state / "tls")
        reconcilers: Sequence[Reconciler] = [Namespaces(store), QuotaStatus(store, Quotas(store, kinds))]
        return cls([APIPart(store, kinds, settings, tokens), Collector(store), Controller(store, reconcilers)])


def assemble(store: Store, kinds: Definitions, settings: Settings) -> Assembly:
    """All of it. Stopped in the reverse order: dispatchers let go of their messages before the pods that they call end."""
    bootstrap(store)
    tokens = Tokens(store, settings.state / "tls")
    serving = Serving(store, settings, tokens, Certificates.within(settings.state / "tls").authority)
    events = eventing(store, settings.amqp_url, serving.services)
    serving.take_collector(events.collector)
    reconcilers: Sequence[Reconciler] = [
        Namespaces(store),
        QuotaStatus(store, Quotas(store, kinds)),
        *serving.reconcilers,
        Jobs(store, serving.pods),
        *events.reconcilers,
    ]
    api = APIPart(store, kinds, settings, tokens)
    return Assembly([api, Collector(store), *serving.parts, *events.parts, Controller(store, reconcilers)])
