"""Which parts there are and in which order they start: state and API first, then what acts on it, the controller last."""

from collections.abc import Sequence
from dataclasses import dataclass

from knative.local.api.part import APIPart
from knative.local.controller import Controller, Part, Reconciler
from knative.local.definitions import Definitions
from knative.local.garbage import Collector
from knative.local.namespaces import Namespaces, bootstrap
from knative.local.quotas import Quotas, QuotaStatus
from knative.local.settings import Settings
from knative.local.store import Store
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
    return Assembly.of_api(store, kinds, settings)
