"""Whether the cluster serves every kind of the overlay."""

from collections.abc import Iterable, Iterator

from knative.cluster.connection import ClusterApi
from knative.cluster.overlay import Overlay
from knative.machine.doctor.finding import Finding, Level
from knative.machine.installation_objects import NAMESPACE

PROVIDERS = {
    "serving.knative.dev": "Knative Serving",
    "networking.internal.knative.dev": "Knative Serving",
    "eventing.knative.dev": "Knative Eventing and eventing-rabbitmq",
    "sources.knative.dev": "Knative Eventing",
    "rabbitmq.com": "the RabbitMQ cluster and topology operators",
    "postgresql.cnpg.io": "CloudNativePG",
    "cert-manager.io": "cert-manager",
    "monitoring.coreos.com": "the Prometheus operator",
    "keda.sh": "KEDA",
    "external-secrets.io": "External Secrets",
}


def check(cluster: ClusterApi, overlay: Overlay) -> Iterator[Finding]:
    missing = [(version, kind) for version, kind in overlay.kinds if not cluster.has(version, kind)]
    yield from kind_findings(missing, len(overlay.kinds))


def kind_findings(missing: Iterable[tuple[str, str]], count: int) -> Iterator[Finding]:
    """One finding for each missing kind. `count`: kinds of the overlay."""
    missing = sorted(missing)
    for version, kind in missing:
        group = version.rpartition("/")[0]
        provider = PROVIDERS.get(group)
        remedy = f"Install {provider}, in a version that serves {version}." if provider else f"A Kubernetes that serves {version} is needed."
        yield Finding("kinds", Level.FAULT, f"the API does not serve {kind} ({version})", remedy)
    if not missing:
        yield Finding("kinds", Level.GOOD, f"all {count} kinds are served")


def check_namespace(cluster: ClusterApi, _: Overlay) -> Iterator[Finding]:
    """A namespace that is being deleted takes what is applied into it away."""
    namespace = cluster.present({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    if namespace is None:
        yield Finding("namespace", Level.NOTE, f"{NAMESPACE} does not exist yet")
        return
    phase = (namespace.get("status") or {}).get("phase")
    if phase == "Terminating":
        yield Finding("namespace", Level.FAULT, f"{NAMESPACE} is being deleted", f"Wait until it no longer exists: kubectl get namespace {NAMESPACE}")
    else:
        yield Finding("namespace", Level.GOOD, f"{NAMESPACE} exists")
