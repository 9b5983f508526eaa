"""One cluster for the suite, with two sinks, a Broker and a Trigger."""

import os
from collections.abc import Iterator

import pytest

from tests.knative.conformance.cluster import Cluster
from tests.knative.conformance.external import external_cluster
from tests.knative.conformance.one_machine import one_machine_cluster
from tests.servers import Brokers, discard, fresh_home

DELIVERY = {"retry": 2, "backoffPolicy": "linear", "backoffDelay": "PT0.3S", "timeout": "PT1.5S"}


@pytest.fixture(scope="package")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    if "CAPSULE_CONFORMANCE_KUBECONFIG" in os.environ:
        with external_cluster(os.environ) as running:
            yield set_up(running)
        return
    rabbitmq: Brokers = request.getfixturevalue("rabbitmq")
    home = fresh_home("capsule-conformance-")
    home.create()
    url = rabbitmq.server.create_vhost(home.path.name)  # `rabbitmq.vhost()` would be deleted at the end of the first module
    try:
        with one_machine_cluster(home.path, home.ports.gateway - 3000, url) as running:
            yield set_up(running)
    finally:
        rabbitmq.server.delete_vhost(home.path.name)
        discard(home)


def set_up(cluster: Cluster) -> Cluster:
    cluster.sink("sink", "ce-answers")
    cluster.sink("letters", "ce-letteranswers")
    cluster.broker("main", {**DELIVERY, "deadLetterSink": cluster.subscriber("letters")})
    cluster.trigger("rows", "main", cluster.subscriber("sink"), parallelism=100, filter={"attributes": {"type": "row"}})
    for kind, name in (("Service", "sink"), ("Service", "letters"), ("Broker", "main"), ("Trigger", "rows")):
        cluster.ready(kind, name)
    if cluster.supports_consuming:
        cluster.sink("consumer", "ce-answers", consumes=True)
        cluster.ready("Service", "consumer")
        for name, parallelism in (("consumed", 100), ("consumed-serial", 1)):
            filter = {"attributes": {"type": name.replace("-", ".")}}
            cluster.trigger(name, "main", cluster.subscriber("consumer"), parallelism, filter=filter)
            cluster.ready("Trigger", name)
        cluster.renew("consumer")
    return cluster


@pytest.fixture(params=["pushed", "consumed"], scope="module")
def mode(request: pytest.FixtureRequest, cluster: Cluster) -> str:
    """How messages reach the function. On a cluster they are always pushed."""
    if request.param == "consumed" and not cluster.supports_consuming:
        pytest.skip("functions of this cluster cannot consume their queues themselves")
    return str(request.param)
