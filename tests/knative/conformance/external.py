"""A cluster outside of the test run, given by environment variables:

CAPSULE_CONFORMANCE_KUBECONFIG       of an account with all permissions in the namespace
CAPSULE_CONFORMANCE_NAMESPACE        it exists, and the RabbitmqCluster's annotation allows it (capsule)
CAPSULE_CONFORMANCE_AMQP_URL         RabbitMQ as reached from here
CAPSULE_CONFORMANCE_AMQP_URL_INSIDE  and as reached from pods, if that differs
CAPSULE_CONFORMANCE_RABBITMQ         namespace/name of the RabbitmqCluster (rabbitmq/rabbitmq)
CAPSULE_CONFORMANCE_IMAGE            any with Python and pika, such as the platform's own
CAPSULE_CONFORMANCE_KILL             kills a container by its id on its node, `ctr -n k8s.io tasks kill -s SIGKILL`; without it that test is skipped
"""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from kubernetes import client

from tests.knative.conformance.cluster import Cluster


@contextmanager
def external_cluster(environment: Mapping[str, str]) -> Iterator[Cluster]:
    namespace, _, name = environment.get("CAPSULE_CONFORMANCE_RABBITMQ", "rabbitmq/rabbitmq").partition("/")
    url = environment["CAPSULE_CONFORMANCE_AMQP_URL"]
    cluster = Cluster(
        kubeconfig=Path(environment["CAPSULE_CONFORMANCE_KUBECONFIG"]),
        amqp_url=url,
        amqp_url_inside=environment.get("CAPSULE_CONFORMANCE_AMQP_URL_INSIDE", url),
        namespace=environment.get("CAPSULE_CONFORMANCE_NAMESPACE", "capsule"),
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
    try:
        yield cluster
    finally:
        cluster.remove()
