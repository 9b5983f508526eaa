"""A cluster outside of the test run, given by environment variables:

CAPSULE_CONFORMANCE_KUBECONFIG       of an account that may make namespaces, with all permissions in them
CAPSULE_CONFORMANCE_NAMESPACE        one that exists, and that the RabbitmqCluster's annotation allows. Without it the suite makes one of
                                     its own, allows it in the annotation, and deletes it at the end
CAPSULE_CONFORMANCE_AMQP_URL         RabbitMQ as reached from here
CAPSULE_CONFORMANCE_AMQP_URL_INSIDE  and as reached from pods, if that differs
CAPSULE_CONFORMANCE_RABBITMQ         namespace/name of the RabbitmqCluster (rabbitmq/rabbitmq)
CAPSULE_CONFORMANCE_IMAGE            any with Python and pika, such as the platform's own
CAPSULE_CONFORMANCE_KILL             kills a container by its id on its node, `ctr -n k8s.io tasks kill -s SIGKILL`; without it that test is skipped
"""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from kubernetes import client

from tests.knative.conformance.cluster import Cluster

ALLOWED = "rabbitmq.com/topology-allowed-namespaces"


@contextmanager
def external_cluster(environment: Mapping[str, str]) -> Iterator[Cluster]:
    namespace, _, name = environment.get("CAPSULE_CONFORMANCE_RABBITMQ", "rabbitmq/rabbitmq").partition("/")
    url = environment["CAPSULE_CONFORMANCE_AMQP_URL"]
    own = f"conformance-{os.urandom(4).hex()}"
    cluster = Cluster(
        kubeconfig=Path(environment["CAPSULE_CONFORMANCE_KUBECONFIG"]),
        amqp_url=url,
        amqp_url_inside=environment.get("CAPSULE_CONFORMANCE_AMQP_URL_INSIDE", url),
        namespace=environment.get("CAPSULE_CONFORMANCE_NAMESPACE", own),
        image=environment["CAPSULE_CONFORMANCE_IMAGE"],
        rabbitmq=(namespace, name),
    )
    core = client.CoreV1Api(cluster.api.api_client)

    def kill(trigger: str) -> None:
        if (command := environment.get("CAPSULE_CONFORMANCE_KILL")) is None:
            pytest.skip("CAPSULE_CONFORMANCE_KILL is not set: containers cannot be killed")
        for pod in core.list_namespaced_pod(cluster.namespace, label_selector="eventing.knative.dev/brokerRole=dispatcher").items:
            if pod.metadata.name.startswith(f"{trigger}-dispatcher"):
                identity = pod.status.container_statuses[0].container_id.rpartition("/")[2]
                subprocess.run(f"{command} {identity}", shell=True, check=True)

    cluster.kill_dispatcher = kill
    with ExitStack() as stack:
        if cluster.namespace == own:
            stack.enter_context(own_namespace(core, cluster.api, own, (namespace, name)))
        stack.callback(cluster.remove)
        yield cluster


@contextmanager
def own_namespace(core: client.CoreV1Api, custom: client.CustomObjectsApi, name: str, rabbitmq: tuple[str, str]) -> Iterator[None]:
    """Make a namespace, and allow it to make queues at a RabbitmqCluster. Both end with the suite."""
    place = ("rabbitmq.com", "v1beta1", rabbitmq[0], "rabbitmqclusters", rabbitmq[1])
    former = (custom.get_namespaced_custom_object(*place)["metadata"].get("annotations") or {}).get(ALLOWED, "")
    if "*" not in former:
        custom.patch_namespaced_custom_object(*place, {"metadata": {"annotations": {ALLOWED: ",".join(filter(None, (former, name)))}}})
    core.create_namespace({"metadata": {"name": name}})
    try:
        yield
    finally:
        core.delete_namespace(name)
        custom.patch_namespaced_custom_object(*place, {"metadata": {"annotations": {ALLOWED: former or None}}})
