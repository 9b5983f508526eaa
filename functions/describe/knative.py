"""The Knative objects of the functions: `knative/base/<context>.yaml`, one Service and Trigger a function, and the component
`knative/components/grouped` that puts one for each context in their place.

Grouping trades isolation for size: one Service and one Trigger a context, because each Trigger keeps an always-on dispatcher of about 45 MB. A
Trigger filters on one exact `type`, so a group's Trigger filters on a type that nothing has (`capsule.group.<context>`) and gets its messages from
bindings alone: the topology job binds the Trigger's queue to `capsule.commands` under each name in the annotation `capsule.dev/functions` (and
under the group's own, `auth.*`) and to the Broker's exchange for each type in `capsule.dev/events`. A function of its own needs the first binding
only, to be addressable alone. What a group's Service is given is the union of what its functions need (`grants`), and its scale is
`functions.runtime.serving.grouping`'s; its pods' log goes to monitor unless one of its functions takes that log in, which would feed itself.

`./taskw up --grouped` runs it on one machine (overlays/local-grouped); on a cluster it is a line in the overlay: `components:
[../../components/grouped]`.

Every Trigger and PingSource calls its Service at the path of the function's name, or of the group's: it tells the runtime which function is meant,
and the dead-letter router where a message came from. A schedule's PingSource points at the Service, not at the Broker: all ticks have one type, and
through the Broker each would wake every schedule.
"""

from collections.abc import Callable, Iterable, Sequence

from functions.describe.catalog import SUBSCRIBED, Catalog
from functions.describe.grants import Grants, grants_of
from functions.describe.services import BROKER, NAMESPACE, Manifest, Workload, cluster_account, service
from functions.kernel import Declaration, Kind
from functions.runtime.config.wiring import Wiring
from functions.runtime.serving import grouping

MOST_IN_FLIGHT = 100  # the dispatcher's prefetch: parallelism above it has no effect
DISPATCHER = {
    "rabbitmq.eventing.knative.dev/cpu-request": "10m",
    "rabbitmq.eventing.knative.dev/memory-request": "64Mi",
    "rabbitmq.eventing.knative.dev/memory-limit": "256Mi",
}
COLLECTED = frozenset({"logs.collected", "requests.measured", "resources.measured"})
"""What the collector reports."""
FROM_PODS = COLLECTED - {"requests.measured"}
"""What it reports of the platform's own pods, if they are collected: requests are those of applications and of the gateway."""

GROUPING = "capsule.dev/grouping"
"""`function` or `context`: by this label the component `grouped` takes the first kind away."""

WiringOf = Callable[[str], Wiring]


def context_manifests(catalog: Catalog, context: str, wiring_of: WiringOf) -> list[Manifest]:
    """One Service and Trigger a function."""
    wiring = wiring_of(context)
    manifests: list[Manifest] = []
    for declaration in catalog.of_context(context):
        manifests += function_manifests(declaration, wiring)
    return [*_accounts(context, manifests), *manifests]


def function_manifests(declaration: Declaration, wiring: Wiring) -> list[Manifest]:
    runs = service(
        Workload(
            name=declaration.resource_name,
            functions=[declaration.name],
            component=declaration.context,
            kind=declaration.kind.value,
            min_scale=declaration.scale.min,
            max_scale=declaration.scale.max,
            concurrency=declaration.scale.concurrency,
            database=wiring.database,
            grants=grants_of(declaration, wiring),
            collected=_collected(declaration),
            labels={GROUPING: "function"},
        )
    )
    if declaration.kind is Kind.SCHEDULE:
        return [runs, _ping_source(declaration, declaration.resource_name, declaration.resource_name, "function")]
    return [runs, trigger(declaration)]


def group_manifests(catalog: Catalog, context: str, wiring_of: WiringOf) -> list[Manifest]:
    """One Service and Trigger for the whole context."""
    wiring = wiring_of(context)
    declarations = catalog.of_context(context)
    scale = grouping.group_scale(declarations)
    runs = service(
        Workload(
            name=context,
            functions=[grouping.group_address(context)],
            component=context,
            kind="group",
            min_scale=scale.min,
            max_scale=scale.max,
            concurrency=scale.concurrency,
            database=wiring.database,
            grants=_union(grants_of(declaration, wiring) for declaration in declarations),
            collected=not any(declaration.message_type in FROM_PODS for declaration in declarations),
            labels={GROUPING: "context"},
        )
    )
    takes = [declaration for declaration in declarations if declaration.kind is not Kind.SCHEDULE]
    types = sorted({str(declaration.message_type) for declaration in takes if declaration.kind in SUBSCRIBED})
    listens = _trigger(
        context,
        f"capsule.group.{context}",
        {
            "rabbitmq.eventing.knative.dev/parallelism": str(MOST_IN_FLIGHT),
            "capsule.dev/functions": ",".join([grouping.group_address(context), *(declaration.name for declaration in takes)]),
            "capsule.dev/events": ",".join(types),
        },
        grouping.group_address(context),
        "context",
    )
    ticks = [
        _ping_source(declaration, f"grouped-{declaration.resource_name}", context, "context")
        for declaration in declarations
        if declaration.kind is Kind.SCHEDULE
    ]
    return [runs, listens, *ticks]


def trigger(declaration: Declaration) -> Manifest:
    in_flight = min(MOST_IN_FLIGHT, declaration.scale.max * declaration.scale.concurrency)
    return _trigger(
        declaration.resource_name,
        str(declaration.message_type),
        {"rabbitmq.eventing.knative.dev/parallelism": str(in_flight), "capsule.dev/functions": declaration.name},
        declaration.name,
    )


def _address(service_name: str, function: str) -> Manifest:
    ref = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": service_name, "namespace": NAMESPACE}
    return {"ref": ref, "uri": f"/{function}"}


def _trigger(name: str, type_: str, annotations: dict[str, str], function: str, grouped_by: str = "function") -> Manifest:
    return {
        "apiVersion": "eventing.knative.dev/v1",
        "kind": "Trigger",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "labels": {"app.kubernetes.io/part-of": "capsule", GROUPING: grouped_by},
            "annotations": {**annotations, **DISPATCHER},
        },
        "spec": {
            "broker": BROKER,
            "filter": {"attributes": {"type": type_}},
            "subscriber": _address(name, function),
        },
    }


def _ping_source(declaration: Declaration, name: str, sink: str, grouped_by: str) -> Manifest:
    return {
        "apiVersion": "sources.knative.dev/v1",
        "kind": "PingSource",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"app.kubernetes.io/part-of": "capsule", GROUPING: grouped_by}},
        "spec": {
            "schedule": declaration.schedule,
            "timezone": "UTC",
            "contentType": "application/json",
            "data": "{}",
            "sink": _address(sink, declaration.name),
        },
    }


def _collected(declaration: Declaration) -> bool:
    """Whether a function's log and use go to monitor: what writes belongs to a timeline. Those that take in what is collected would feed themselves
    for ever."""
    return declaration.is_writing and declaration.kind is not Kind.SCHEDULE and declaration.message_type not in COLLECTED


def _accounts(context: str, manifests: Sequence[Manifest]) -> list[Manifest]:
    account = cluster_account(context)
    named = any(m["kind"] == "Service" and m["spec"]["template"]["spec"].get("serviceAccountName") == account for m in manifests)
    if not named:
        return []
    return [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": NAMESPACE}}]


def _union(grants: Iterable[Grants]) -> Grants:
    all_of_them = list(grants)
    return Grants(**{name: any(getattr(grant, name) for grant in all_of_them) for name in Grants.__dataclass_fields__})
