"""Generate the Knative objects of the functions.

`knative/base/<context>.yaml` has one Service and Trigger per function. The component `knative/components/grouped`
replaces them by one Service and Trigger per context.

Grouping trades isolation for size, because each Trigger has an always-on dispatcher (docs/sizing.md). A Trigger filters on
one exact `type`, so the Trigger of a group filters on a type without messages (`capsule.group.<context>`) and gets its
messages from bindings: the topology Job binds the Trigger's queue to `capsule.commands` for each name in the annotation
`capsule.dev/functions` (and for the group's own, `auth.*`), and to the Broker's exchange for each type in
`capsule.dev/events`. The Trigger of a single function needs only the first binding, to be addressable alone. The Service
of a group gets the union of what its functions need (`grants`), and its scale from `functions.runtime.serving.grouping`.

`./taskw up --grouped` runs it on one machine (overlays/local-grouped). On a cluster, add to the overlay:
`components: [../../components/grouped]`.

Every Trigger and PingSource calls its Service at the path of the function or group: it tells the runtime which function
is meant, and the dead-letter router where a message came from. The PingSource of a schedule calls the Service, not the
Broker: all ticks have one type, so through the Broker each would wake every schedule.
"""

from collections.abc import Callable, Iterable, Sequence

from functions.describe import autoscaling
from functions.describe.catalog import SUBSCRIBED, Catalog
from functions.describe.grants import Grants, grants_of
from functions.describe.services import BROKER, NAMESPACE, Manifest, Workload, cluster_account, listing_account, service
from functions.kernel import Declaration, Kind
from functions.runtime.config.wiring import Wiring
from functions.runtime.serving import grouping

MAX_IN_FLIGHT = 100
"""The dispatcher's prefetch: parallelism above it has no effect."""
DISPATCHER = {
    "rabbitmq.eventing.knative.dev/cpu-request": "2m",
    "rabbitmq.eventing.knative.dev/memory-request": "16Mi",
    "rabbitmq.eventing.knative.dev/memory-limit": "128Mi",
}
"""What a Trigger's dispatcher requests. Idle it has 8.3 MB in its cgroup, of 40 MB resident: its binary's pages are shared (measured with
eventing-rabbitmq of August 2026). It takes 190 µs of CPU for each message."""
COLLECTED = frozenset({"logs.collected", "requests.measured", "resources.measured"})
"""Events of the collector."""
FROM_PODS = COLLECTED - {"requests.measured"}
"""Those about the platform's own pods, if they are collected. Requests are those of applications and the gateway."""

GROUPING = "capsule.dev/grouping"
"""Label: `function` or `context`. The component `grouped` deletes the objects with the first value."""

WiringOf = Callable[[str], Wiring]


def context_manifests(catalog: Catalog, context: str, wiring_of: WiringOf) -> list[Manifest]:
    """Return one Service and Trigger per function."""
    wiring = wiring_of(context)
    manifests: list[Manifest] = []
    for declaration in catalog.of_context(context):
        manifests += function_manifests(declaration, wiring)
    return [*_accounts(context, manifests), *manifests]


def function_manifests(declaration: Declaration, wiring: Wiring) -> list[Manifest]:
    knative_service = service(
        Workload(
            name=declaration.resource_name,
            functions=[declaration.name],
            component=declaration.context,
            summary=declaration.summary,
            kind=declaration.kind.value,
            min_scale=declaration.scale.min,
            max_scale=declaration.scale.max,
            concurrency=declaration.scale.concurrency,
            database=wiring.database,
            grants=grants_of(declaration, wiring),
            collected=_collected(declaration),
            annotations=autoscaling.annotations(declaration.scale),
            labels={GROUPING: "function"},
        )
    )
    if declaration.kind is Kind.SCHEDULE:
        return [knative_service, _ping_source(declaration, declaration.resource_name, declaration.resource_name, "function")]
    return [knative_service, trigger(declaration)]


def group_manifests(catalog: Catalog, context: str, wiring_of: WiringOf) -> list[Manifest]:
    """Return one Service and Trigger for the whole context."""
    wiring = wiring_of(context)
    declarations = catalog.of_context(context)
    scale = grouping.group_scale(declarations)
    knative_service = service(
        Workload(
            name=context,
            functions=[grouping.group_address(context)],
            component=context,
            summary=f"Run all functions of the {context} context.",
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
    triggered = [declaration for declaration in declarations if declaration.kind is not Kind.SCHEDULE]
    types = sorted({str(declaration.message_type) for declaration in triggered if declaration.kind in SUBSCRIBED})
    group_trigger = _trigger(
        context,
        f"capsule.group.{context}",
        {
            "rabbitmq.eventing.knative.dev/parallelism": str(MAX_IN_FLIGHT),
            "capsule.dev/functions": ",".join([grouping.group_address(context), *(declaration.name for declaration in triggered)]),
            "capsule.dev/events": ",".join(types),
        },
        grouping.group_address(context),
        "context",
    )
    ping_sources = [
        _ping_source(declaration, f"grouped-{declaration.resource_name}", context, "context")
        for declaration in declarations
        if declaration.kind is Kind.SCHEDULE
    ]
    return [knative_service, group_trigger, *ping_sources]


def trigger(declaration: Declaration) -> Manifest:
    in_flight = min(MAX_IN_FLIGHT, declaration.scale.max * declaration.scale.concurrency)
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
    """Whether the collector collects a function's log and usage: functions that write, because they belong to a timeline.

    Handlers of collected data would produce their own input without end.
    """
    return declaration.is_writing and declaration.kind is not Kind.SCHEDULE and declaration.message_type not in COLLECTED


def _accounts(context: str, manifests: Sequence[Manifest]) -> list[Manifest]:
    used = {m["spec"]["template"]["spec"].get("serviceAccountName") for m in manifests if m["kind"] == "Service"}
    accounts = [each for each in (cluster_account(context), listing_account(context)) if each in used]
    return [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": each, "namespace": NAMESPACE}} for each in accounts]


def _union(grants: Iterable[Grants]) -> Grants:
    every = list(grants)
    return Grants(**{name: any(getattr(grant, name) for grant in every) for name in Grants.__dataclass_fields__})
