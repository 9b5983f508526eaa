"""The RabbitmqCluster that the Broker uses, and the class of the Broker."""

from collections.abc import Iterator

from knative.cluster.connection import ClusterApi
from knative.cluster.overlay import Object, Overlay
from knative.machine.cluster import conditions
from knative.machine.doctor.finding import Finding, Level
from knative.machine.installation_objects import NAMESPACE, decoded

API = "rabbitmq.com/v1beta1"
ALLOWED = "rabbitmq.com/topology-allowed-namespaces"
CLASS_ANNOTATION, CLASS = "eventing.knative.dev/broker.class", "RabbitMQBroker"
CREDENTIALS = "{name}-default-user"
"""The Secret that the cluster operator makes for RabbitMQ's first user."""


TRUST_FOLDER = "/etc/ssl/certs"
OPERATOR = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "messaging-topology-operator", "namespace": "rabbitmq-system"}}


def check(cluster: ClusterApi, overlay: Overlay) -> Iterator[Finding]:
    namespace, name = overlay.broker_server
    if overlay.requires_tls and (operator := cluster.present(OPERATOR)) is not None:
        yield trust_finding(operator)
    if any(each["metadata"]["name"] == name for each in overlay.of_kind("RabbitmqCluster")):
        yield Finding("rabbitmq", Level.NOTE, f"{namespace}/{name} is part of the overlay")
        return
    reference = {"apiVersion": API, "kind": "RabbitmqCluster", "metadata": {"name": name, "namespace": namespace}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": CREDENTIALS.format(name=name), "namespace": namespace}}
    found, credentials = cluster.present(reference), cluster.present(secret)
    password = decoded(credentials.get("data") or {}).get("password") if credentials else None
    yield from server_findings(f"{namespace}/{name}", found, password, requires_tls=overlay.requires_tls)


def trust_finding(operator: Object) -> Finding:
    """`operator`: the Deployment of the topology operator, which creates users over RabbitMQ's management API, in TLS.

    Source: https://www.rabbitmq.com/kubernetes/operator/tls-topology-operator.
    """
    containers = operator["spec"]["template"]["spec"]["containers"]
    paths = [each["mountPath"] for container in containers for each in container.get("volumeMounts") or ()]
    if any(each.startswith(TRUST_FOLDER) for each in paths):
        return Finding("rabbitmq", Level.GOOD, "the topology operator has an authority of its own mounted")
    remedy = "If a public authority has not signed RabbitMQ's certificate, mount yours: docs/cluster.md, Trust in the cluster's authority"
    return Finding("rabbitmq", Level.WARNING, "the topology operator trusts public authorities only", remedy)


def server_findings(title: str, server: Object | None, password: str | None, *, requires_tls: bool) -> Iterator[Finding]:
    """`server`: the RabbitmqCluster. `password`: of its first user, if it can be read."""
    if server is None:
        example = "docs/cluster.md has one, and the component rabbitmq makes it."
        yield Finding("rabbitmq", Level.FAULT, f"RabbitmqCluster {title} does not exist", f"Create it: {example}")
        return
    namespace, _, name = title.partition("/")
    allowed = {each.strip() for each in (server["metadata"].get("annotations") or {}).get(ALLOWED, "").split(",")}
    if not allowed & {NAMESPACE, "*"} and namespace != NAMESPACE:
        command = f"kubectl -n {namespace} annotate rabbitmqcluster {name} {ALLOWED}={NAMESPACE} --overwrite"
        yield Finding("rabbitmq", Level.FAULT, f"{title} does not let the namespace {NAMESPACE} make users and queues", command)
    ready = conditions(server).get("AllReplicasReady", {})
    if ready.get("status") != "True":
        reason = ready.get("message") or ready.get("reason") or "it has reported nothing yet"
        yield Finding("rabbitmq", Level.FAULT, f"{title} is not ready: {reason}", f"kubectl -n {namespace} describe rabbitmqcluster {name}")
    tls = (server.get("spec") or {}).get("tls") or {}
    if requires_tls and not tls.get("secretName"):
        need = "Set spec.tls.secretName, caSecretName and disableNonTLSListeners: true, or leave the component encrypted out of the overlay."
        yield Finding("rabbitmq", Level.FAULT, f"{title} has no TLS, and the overlay requires it", need)
    if not requires_tls and tls.get("disableNonTLSListeners"):
        need = "Add the component encrypted to the overlay, or set disableNonTLSListeners: false."
        yield Finding("rabbitmq", Level.FAULT, f"{title} accepts TLS only, and the overlay connects without", need)
    if password is not None and any(sign in password for sign in "/@"):
        need = "eventing-rabbitmq puts it into a URL as it is. Set another one in the Secret, and with rabbitmqctl change_password."
        yield Finding("rabbitmq", Level.FAULT, f"the password of {title}'s first user has / or @", need)
    replicas = (server.get("spec") or {}).get("replicas", 1)
    if replicas % 2 == 0:
        yield Finding("rabbitmq", Level.WARNING, f"{title} has {replicas} nodes", "Use an odd number: a majority of nodes must live.")
    yield Finding("rabbitmq", Level.GOOD, f"{title}, {replicas} {'node' if replicas == 1 else 'nodes'}{', TLS' if tls.get('secretName') else ''}")


def check_class(cluster: ClusterApi, overlay: Overlay) -> Iterator[Finding]:
    for broker in overlay.of_kind("Broker"):
        yield class_finding(broker, cluster.present(broker))


def class_finding(broker: Object, present: Object | None) -> Finding:
    """A Broker's class and configuration cannot change (Knative Eventing)."""
    name = broker["metadata"]["name"]
    if present is None:
        return Finding("broker", Level.NOTE, f"{name} does not exist yet")
    found = (present["metadata"].get("annotations") or {}).get(CLASS_ANNOTATION)
    if found != CLASS:
        remedy = f"Its class cannot change. Delete it: kubectl -n {NAMESPACE} delete broker {name}"
        return Finding("broker", Level.FAULT, f"{name} has the class {found}, not {CLASS}", remedy)
    return Finding("broker", Level.GOOD, f"{name} has the class {CLASS}")
