"""Generate the component `knative/components/isolated`: NetworkPolicies of the platform's functions.

Nothing reaches a function but Knative and the ingress, and a function reaches the broker, DNS, and what its declaration needs:
its own context's database, the cluster's API, the outside (mail, Stripe, webhooks, registries). Pods have these needs as labels
(`functions.describe.services`), derived from the signatures. Where a server runs is the operator's choice, so a policy names
ports and not addresses, except the broker's namespace. An overlay may narrow each by a patch.

One machine has no such API: its functions run as unprivileged users that connect to this machine only.
"""

from collections.abc import Iterable, Sequence

from functions.describe.services import KIND, NAMESPACE, REACHES_CLUSTER, REACHES_DATABASE, REACHES_OUTSIDE, Manifest
from functions.wire.addresses import PRIVATE, SPECIAL

BROKER_NAMESPACE = "rabbitmq"
"""Of the RabbitmqCluster, as in knative/base/broker.yaml."""
AMQP_PORTS = (5671, 5672)
POSTGRESQL_PORTS = (5432, 6432)
"""PostgreSQL and PgBouncer."""
API_PORTS = (443, 6443)
OTLP_PORTS = (4317, 4318)
CALLERS = ("knative-serving", "knative-eventing", "kourier-system", "istio-system", "contour-external", "contour-internal")
"""Namespaces with pods that call functions: activator, ingress, PingSources. Dispatchers are in the platform's own."""
COLLECTOR, QUEUE_PROXY_METRICS = "capsule-collector", 9091
"""The namespace of the collector, and the port where it reads requests of the gateway (knative/components/collector)."""
NODE_LOCAL_DNS = "169.254.20.10/32"
IN_CLUSTER: Manifest = {"namespaceSelector": {}}


def network_policies(contexts: Iterable[str]) -> list[Manifest]:
    everything = {"ipBlock": {"cidr": "0.0.0.0/0", "except": list(SPECIAL)}}
    everything6 = {"ipBlock": {"cidr": "::/0", "except": ["fe80::/10"]}}
    private = [{"ipBlock": {"cidr": each}} for each in PRIVATE]
    broker = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": BROKER_NAMESPACE}}}
    return [
        _policy(
            "functions",
            {"matchExpressions": [{"key": KIND, "operator": "Exists"}]},
            [_dns(), _rule([broker], AMQP_PORTS)],
            ingress=[_callers(), _collector()],
        ),
        _policy("functions-telemetry", {"matchExpressions": [{"key": KIND, "operator": "Exists"}]}, [_rule([IN_CLUSTER, *private], OTLP_PORTS)]),
        *(
            _policy(f"functions-database-{each}", {"matchLabels": {REACHES_DATABASE: each}}, [_rule([IN_CLUSTER, *private], POSTGRESQL_PORTS)])
            for each in contexts
        ),
        _policy("functions-cluster", {"matchLabels": {REACHES_CLUSTER: "true"}}, [_rule([everything, everything6], API_PORTS)]),
        _policy("functions-outside", {"matchLabels": {REACHES_OUTSIDE: "true"}}, [_rule([everything, everything6, IN_CLUSTER])]),
    ]


def component() -> Manifest:
    return {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component", "resources": ["policies.yaml"]}


def _policy(name: str, pods: Manifest, egress: list[Manifest], ingress: list[Manifest] | None = None) -> Manifest:
    types = ["Egress"] if ingress is None else ["Ingress", "Egress"]
    spec = {"podSelector": pods, "policyTypes": types, **({} if ingress is None else {"ingress": ingress}), "egress": egress}
    metadata = {"name": name, "namespace": NAMESPACE, "labels": {"app.kubernetes.io/part-of": "capsule"}}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


def _callers() -> Manifest:
    namespaces = {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": list(CALLERS)}]}
    return {"from": [{"podSelector": {}}, {"namespaceSelector": namespaces}]}


def _collector() -> Manifest:
    namespace = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": COLLECTOR}}}
    return {"from": [namespace], "ports": [{"protocol": "TCP", "port": QUEUE_PROXY_METRICS}]}


def _dns() -> Manifest:
    system = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
    return {"to": [system, {"ipBlock": {"cidr": NODE_LOCAL_DNS}}], "ports": [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]}


def _rule(to: Sequence[Manifest], ports: Sequence[int] = ()) -> Manifest:
    """`ports`: none for all."""
    return {"to": list(to), **({"ports": [{"protocol": "TCP", "port": each} for each in ports]} if ports else {})}
