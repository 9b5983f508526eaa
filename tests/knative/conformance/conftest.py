"""One cluster for the whole suite, with two sinks, a Broker and a Trigger on it."""

import os
from collections.abc import Iterator

import pytest

from tests.knative.conformance.cluster import Cluster, local, real
from tests.servers import Brokers, discard, fresh_home

DELIVERY = {"retry": 2, "backoffPolicy": "linear", "backoffDelay": "PT0.3S", "timeout": "PT1.5S"}


@pytest.fixture(scope="package")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    if "CAPSULE_CONFORMANCE_KUBECONFIG" in os.environ:
        with real(os.environ) as found:
            yield set_up(found)
        return
    rabbitmq: Brokers = request.getfixturevalue("rabbitmq")
    home = fresh_home("capsule-conformance-")
    home.create()
    url = rabbitmq.server.create_vhost(home.path.name)  # of the suite's own: those of `rabbitmq.vhost()` end with their module
    try:
        with local(home.path, home.ports.gateway - 3000, url) as found:
            yield set_up(found)
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
    if cluster.consumes:
        cluster.sink("taker", "ce-answers", consumes=True)
        cluster.ready("Service", "taker")
        for name, parallelism in (("taken", 100), ("taken-one", 1)):
            wanted = {"attributes": {"type": name.replace("-", ".")}}
            cluster.trigger(name, "main", cluster.subscriber("taker"), parallelism, filter=wanted)
            cluster.ready("Trigger", name)
        cluster.renew("taker")
    return cluster


@pytest.fixture(params=["pushed", "consumed"], scope="module")
def way(request: pytest.FixtureRequest, cluster: Cluster) -> str:
    """How messages come to the function. On a cluster they are always pushed."""
    if request.param == "consumed" and not cluster.consumes:
        pytest.skip("on this cluster functions do not consume their queues themselves")
    return str(request.param)
