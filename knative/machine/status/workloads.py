"""Functions, Triggers and applications, as the Kubernetes API reports them."""

from knative.machine.cluster import Cluster, Object, not_ready
from knative.machine.keys import NAMESPACE
from knative.machine.pinned_traffic import description, pinned
from knative.machine.status.row import Row, State, plural

SERVICES = ("serving.knative.dev/v1", "Service")
TRIGGERS = ("eventing.knative.dev/v1", "Trigger")
MANAGED = "capsule.dev/managed=true"
MAX_DETAILS = 10


def functions(cluster: Cluster, show_all: bool = False) -> Row:
    """How many functions are at zero, running and failed. Failed functions are named with their reason; `show_all` names all.

    A split of `kn service update --traffic` is named too: an upgrade does not reach the share of named Revisions.
    """
    replicas = _replicas(cluster)
    at_zero, running, failed, items = 0, 0, [], []
    for service in sorted(cluster.find(*SERVICES, NAMESPACE), key=_name):
        name, reason = _name(service), not_ready({"kind": "Service", **service})
        count = replicas.get(name, 0)
        if reason is not None:
            failed.append(f"{name}: {reason}")
        elif count:
            running += 1
        else:
            at_zero += 1
        items.append(f"{name:<48} {reason or (plural(count, 'instance') if count else 'at zero')}")
    splits = [f"pinned traffic: {description(each)}" for each in pinned(cluster.find(*SERVICES, NAMESPACE))]
    summary = f"{at_zero} at zero, {running} running, {len(failed)} failed{f', {len(splits)} pinned' if splits else ''}"
    return Row("functions", State.BAD if failed else State.GOOD, summary, (*(items if show_all else shorten(failed)), *splits))


def triggers(cluster: Cluster) -> Row:
    objects = cluster.find(*TRIGGERS, NAMESPACE)
    failed = [f"{_name(trigger)}: {reason}" for trigger in objects if (reason := not_ready({"kind": "Trigger", **trigger}))]
    return Row("triggers", State.BAD if failed else State.GOOD, f"{len(objects) - len(failed)} of {len(objects)} ready", shorten(failed))


def applications(cluster: Cluster, show_all: bool = False) -> Row:
    """Environments of applications that serve. One that fails is its owner's concern: it does not make the platform unhealthy."""
    services = sorted(cluster.find(*SERVICES, labels=MANAGED), key=_name)
    reasons = {id(service): not_ready({"kind": "Service", **service}) for service in services}
    failed = [service for service in services if reasons[id(service)]]
    details = [
        f"{service['metadata']['namespace']}/{_name(service)}: {reasons[id(service)] or (service.get('status') or {}).get('url', '')}"
        for service in (services if show_all else failed)
    ]
    summary = f"{len(services) - len(failed)} serving, {len(failed)} failed" if services else "none"
    return Row("applications", State.GOOD if services else State.IDLE, summary, tuple(details) if show_all else shorten(details))


def shorten(details: list[str]) -> tuple[str, ...]:
    """The first ten, and how many more there are."""
    more = len(details) - MAX_DETAILS
    return (*details[:MAX_DETAILS], *([f"… and {more} more"] if more > 0 else []))


def _replicas(cluster: Cluster) -> dict[str, int]:
    """Name of a Service → pods that are starting or running."""
    counts: dict[str, int] = {}
    for pod in cluster.find("v1", "Pod", NAMESPACE):
        name = (pod["metadata"].get("labels") or {}).get("serving.knative.dev/service")
        if name and (pod.get("status") or {}).get("phase") in ("Pending", "Running"):
            counts[name] = counts.get(name, 0) + 1
    return counts


def _name(item: Object) -> str:
    return str(item["metadata"]["name"])
