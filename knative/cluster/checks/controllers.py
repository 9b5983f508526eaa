"""Whether the controllers of a cluster work on as many objects at a time as one Service for each function needs.

Their defaults suit a few dozen objects: two at a time, and few requests a second to the API. With hundreds, `apply` mostly waits for these
controllers, not for the machines. What each reads, from its source (Serving and Eventing 1.23, the topology operator of mid-2026):

- Serving's controller reads no `K_THREADS_PER_CONTROLLER` (its `main` calls `MainWithConfig`, and the variable is read in `MainWithContext`).
  It works on two objects of a kind at a time in each replica, and a replica works only on the buckets of `config-leader-election` that it leads.
- eventing-rabbitmq's reads `K_THREADS_PER_CONTROLLER`, `KUBE_API_QPS` and `KUBE_API_BURST`.
- The topology operator reads `MAX_CONCURRENT_RECONCILES`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from knative.cluster.checks.operators import nearest
from knative.cluster.connection import ClusterApi
from knative.cluster.overlay import Object, Overlay
from knative.machine.doctor.finding import Finding, Level

CHECK = "controllers"
MANY = 100
"""Services or Triggers, from which on the defaults are what `apply` waits for."""
BUCKETS = "buckets"
LEADERS: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "config-leader-election", "namespace": "knative-serving"}}
SHARES = 2
"""Replicas of Serving's controller that share the work. Each begins with lists of all objects, and is killed when it has not got them in 30 s."""


@dataclass(frozen=True)
class Needed:
    """`variables`: name → the number to set. A fifth of it is accepted."""

    deployment: str
    namespace: str
    variables: Mapping[str, int]


NEEDED = (
    Needed("controller", "knative-serving", {"KUBE_API_QPS": 200, "KUBE_API_BURST": 200}),
    Needed("rabbitmq-broker-controller", "knative-eventing", {"KUBE_API_QPS": 200, "KUBE_API_BURST": 200, "K_THREADS_PER_CONTROLLER": 20}),
    Needed("messaging-topology-operator", "rabbitmq-system", {"MAX_CONCURRENT_RECONCILES": 10}),
)


def check(cluster: ClusterApi, overlay: Overlay) -> Iterator[Finding]:
    leaders = (cluster.present(LEADERS) or {}).get("data") or {}
    yield from controller_findings(cluster.listed("apps/v1", "Deployment"), leaders, len(overlay.services), len(overlay.of_kind("Trigger")))


def controller_findings(deployments: Iterable[Object], leaders: Mapping[str, str], services: int, triggers: int) -> Iterator[Finding]:
    """`deployments`: of all namespaces; one that does not exist is a finding of `operators`. `leaders`: the data of config-leader-election."""
    counts = f"{services} Services and {triggers} Triggers"
    if max(services, triggers) < MANY:
        yield Finding(CHECK, Level.GOOD, f"{counts}: their defaults suffice")
        return
    deployments = list(deployments)
    serving = nearest([each for each in deployments if each["metadata"]["name"] == "controller"], "knative-serving")
    lacking = list(_shares(serving, leaders)) if serving else []
    for needed in NEEDED:
        found = nearest([each for each in deployments if each["metadata"]["name"] == needed.deployment], needed.namespace)
        if found and (unset := _unset(found, needed.variables)):
            where, values = found["metadata"]["namespace"], " ".join(f"{name}={value}" for name, value in unset.items())
            remedy = f"kubectl -n {where} set env deployment/{needed.deployment} {values}"
            lacking.append(
                Finding(CHECK, Level.WARNING, f"{where}/{needed.deployment} works on few objects at a time: `apply` will wait for it", remedy)
            )
    if lacking:
        yield from lacking
    else:
        yield Finding(CHECK, Level.GOOD, f"{counts}: they work on many at a time")


def _shares(controller: Object, leaders: Mapping[str, str]) -> Iterator[Finding]:
    replicas, buckets = int((controller.get("spec") or {}).get("replicas", 1)), int(leaders.get(BUCKETS, 1))
    if min(replicas, buckets) >= SHARES:
        return
    where = controller["metadata"]["namespace"]
    patch = f'{{"data": {{"{BUCKETS}": "{SHARES}"}}}}'
    yield Finding(
        CHECK,
        Level.WARNING,
        f"{where}/controller works on two Services at a time: {replicas} {'replica' if replicas == 1 else 'replicas'}, {BUCKETS} {buckets}",
        f"kubectl -n {where} patch configmap config-leader-election -p '{patch}'; "
        f"kubectl -n {where} scale deployment/controller --replicas={SHARES}; kubectl -n {where} rollout restart deployment/controller",
        ("K_THREADS_PER_CONTROLLER has no effect on Serving's controller",),
    )


def _unset(deployment: Object, variables: Mapping[str, int]) -> dict[str, int]:
    """What the Deployment's containers do not set, or set to less than a fifth."""
    containers = ((deployment.get("spec") or {}).get("template") or {}).get("spec", {}).get("containers") or ()
    present = {each["name"]: each.get("value") or "" for container in containers for each in container.get("env") or ()}
    return {name: value for name, value in variables.items() if not (text := present.get(name, "")).isdigit() or int(text) * 5 < value}
