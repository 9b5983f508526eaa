"""Services that do not send all requests to their latest Revision, for example after `kn service update --traffic`. A release gets none of theirs."""

from collections.abc import Iterable, Iterator

from knative.cluster.connection import ClusterApi
from knative.cluster.overlay import Overlay
from knative.machine.doctor.finding import Finding, Level
from knative.machine.installation_objects import NAMESPACE
from knative.machine.pinned_traffic import description, pinned

SERVICES = ("serving.knative.dev/v1", "Service")


def check(cluster: ClusterApi, _: Overlay) -> Iterator[Finding]:
    yield from traffic_findings([description(each) for each in pinned(cluster.listed(*SERVICES, NAMESPACE))])


def traffic_findings(descriptions: Iterable[str]) -> Iterator[Finding]:
    for each in descriptions:
        name = each.partition(":")[0]
        remedy = f"When the release shall serve: kn service update {name} -n {NAMESPACE} --traffic @latest=100"
        yield Finding("traffic", Level.WARNING, f"pinned, a new version gets no requests: {each}", remedy)
