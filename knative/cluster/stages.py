"""The order in which the objects of an overlay are applied: each stage is ready before the next one begins.

What functions need comes first, then servers that the overlay runs, then migrations, then the functions in batches, then what sends messages to them,
then Deployments and the remaining Jobs. What declares and binds the exchanges runs from the Broker on, because a gateway is ready when its exchanges
exist, and it is itself ready when all Triggers are bound, so it is waited for with the other Deployments.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from knative.cluster.jobs import is_migration, versioned
from knative.machine.installation_objects import Object

SERVERS = ("RabbitmqCluster", "Cluster", "Database", "Pooler", "Certificate", "Issuer", "ClusterIssuer")
SENDERS = ("Trigger", "PingSource", "ApiServerSource", "DomainMapping")
EXCHANGES = "capsule-topology"
"""The Deployment that declares the exchanges."""
BATCH = 20
"""Functions that start at the same time, where each new Revision starts a pod once."""
AT_ZERO_BATCH = 500
"""Functions with new Revisions that start no pod (`initial-scale: "0"`): they cost the controllers alone, which mostly wait in small batches, for the
digest of an image and for the ingress to confirm a route."""
INITIAL_SCALE, MIN_SCALE = "autoscaling.knative.dev/initial-scale", "autoscaling.knative.dev/min-scale"


@dataclass(frozen=True)
class Stage:
    """`batches`: applied one after the other, each until it is ready. `timeout_seconds`: how long nothing more
    of a batch may become ready.

    `started`: applied before the batches. A later stage waits for them.
    """

    title: str
    batches: tuple[tuple[Object, ...], ...]
    timeout_seconds: float
    started: tuple[Object, ...] = ()

    @property
    def objects(self) -> list[Object]:
        return [item for batch in self.batches for item in batch]


def stages(objects: Iterable[Object], batch: int = BATCH, *, migrates: bool = True) -> list[Stage]:
    """Empty stages are left out. `migrates`: False for a rollback: the schema stays that of the newer release."""
    jobs = [versioned(each) for each in objects if each["kind"] == "Job"]
    rest = [each for each in objects if each["kind"] != "Job"]
    services = [each for each in rest if each["kind"] == "Service" and each["apiVersion"].startswith("serving.knative.dev/")]
    servers, senders = ([each for each in rest if each["kind"] in kinds] for kinds in (SERVERS, SENDERS))
    others = [each for each in rest if each["kind"] not in (*SERVERS, *SENDERS) and each not in services]
    before = [each for each in others if each["kind"] == "Namespace"]
    basics = [each for each in others if each["kind"] not in ("Namespace", "Broker", "Deployment", "DaemonSet", "StatefulSet")]
    brokers = [each for each in others if each["kind"] == "Broker"]
    workloads = [each for each in others if each["kind"] in ("Deployment", "DaemonSet", "StatefulSet")]
    exchanges = tuple(each for each in workloads if each["metadata"]["name"] == EXCHANGES)
    found = [
        Stage("Namespace", _one([*before]), 60),
        Stage("Servers", _one(servers), 900),
        Stage("Policies", _one(basics), 300),
        Stage("Migrations", _one([each for each in jobs if is_migration(each)] if migrates else []), 1800),
        Stage("Broker", _one(brokers), 300),
        Stage("Functions", _batches(services, batch), 600, exchanges),
        Stage("Triggers", _one(senders), 600),
        Stage("Workloads", _one(workloads), 600),
        Stage("Jobs", _one([each for each in jobs if not is_migration(each)]), 600),
    ]
    return [stage for stage in found if stage.batches]


def _one(objects: list[Object]) -> tuple[tuple[Object, ...], ...]:
    return (tuple(objects),) if objects else ()


def _batches(services: list[Object], batch: int) -> tuple[tuple[Object, ...], ...]:
    """First those that start a pod, as the gateway and grouped functions, in batches of this size; then those that start none."""
    starting = [each for each in services if starts_pod(each)]
    at_zero = [each for each in services if not starts_pod(each)]
    return tuple(
        tuple(items[start : start + size]) for items, size in ((starting, batch), (at_zero, AT_ZERO_BATCH)) for start in range(0, len(items), size)
    )


def starts_pod(service: Object) -> bool:
    """Whether a new Revision of this Knative Service starts a pod before a message arrives. Knative starts one unless `initial-scale` says 0."""
    annotations = service["spec"]["template"].get("metadata", {}).get("annotations") or {}
    return int(annotations.get(INITIAL_SCALE, 1)) > 0 or int(annotations.get(MIN_SCALE, 0)) > 0
