"""The API admits exactly what a cluster admits."""

from tests.knative.api.test_validation import changed
from tests.knative.conformance.admission import ADMITTED, FEATURES, REFUSED
from tests.knative.conformance.cluster import Cluster


def test_what_the_webhooks_admit_is_admitted(cluster: Cluster) -> None:
    assert [(at, value) for text, at, value in ADMITTED if not cluster.admits(changed(text, at, value))] == []


def test_what_the_webhooks_refuse_is_refused(cluster: Cluster) -> None:
    features = cluster.features()
    refused = [(text, at, value) for text, at, value, _ in REFUSED if features.get(FEATURES.get(at, ""), "disabled").lower() == "disabled"]
    assert [(at, value) for text, at, value in refused if cluster.admits(changed(text, at, value))] == []
