"""Changed Secrets and settings are a change of what reads them, so that what always runs restarts with them."""

from collections.abc import Iterable
from typing import Any

import pytest

from knative.cluster import rollout
from knative.cluster.configuration_version import ANNOTATION, annotated, references, stale, tokens, version, with_versions
from knative.cluster.connection import ClusterApi
from knative.cluster.readiness import unready
from knative.machine.installation_objects import NAMESPACE, secret
from tests.cluster import small
from tests.cluster.test_rollout import QUICK, progress

SETTINGS = [{"configMapRef": {"name": "capsule-settings", "optional": True}}]
FROM_SECRET = [{"secretRef": {"name": "edge-settings", "optional": True}}]


def workload(kind: str, *, name: str = "collector", **pod: Any) -> small.Object:
    spec = {"containers": [{"name": "main", "image": small.IMAGE, "command": ["sleep", "1000"]}], "terminationGracePeriodSeconds": 0, **pod}
    labels = {"app": name}
    template = {"metadata": {"labels": labels, "annotations": {"kept": "yes"}}, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": small.metadata(name),
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }


def volume(name: str, **source: Any) -> small.Object:
    return {"name": name, **source}


MOUNTED = [volume("a", secret={"secretName": "by-file"}), volume("b", projected={"sources": [{"configMap": {"name": "projected"}}]})]


@pytest.mark.parametrize("kind", ["Deployment", "DaemonSet", "StatefulSet"])
def test_a_workload_reads_its_variables_and_its_files_at_the_start(kind: str) -> None:
    variable = {"name": "URL", "valueFrom": {"secretKeyRef": {"name": "login", "key": "url"}}}
    item = workload(kind, volumes=MOUNTED, initContainers=[{"name": "first", "image": "x", "env": [variable]}])
    assert set(references(item)) == {("Secret", NAMESPACE, "by-file"), ("ConfigMap", NAMESPACE, "projected"), ("Secret", NAMESPACE, "login")}


def test_a_function_reads_its_files_again_except_those_that_stay_the_same() -> None:
    item = small.service(envFrom=[*SETTINGS, *FROM_SECRET], volumeMounts=[{"name": "b", "mountPath": "/x", "subPath": "x"}])
    item["spec"]["template"]["spec"]["volumes"] = MOUNTED
    names = {name for _, _, name in references(item)}
    assert names == {"capsule-settings", "edge-settings", "projected"}


def test_servers_of_operators_name_the_secrets_of_their_logins() -> None:
    user = {"kind": "User", "metadata": small.metadata("auth"), "spec": {"importCredentialsSecret": {"name": "auth-amqp"}}}
    roles = [{"name": "auth_owner", "passwordSecret": {"name": "postgres-auth-owner"}}, {"name": "other"}]
    cluster = {"kind": "Cluster", "metadata": small.metadata("postgres"), "spec": {"managed": {"roles": roles}}}
    assert [name for item in (user, cluster) for _, _, name in references(item)] == ["auth-amqp", "postgres-auth-owner"]
    assert annotated(user, "1")["metadata"]["annotations"] == {ANNOTATION: "1"}


def test_a_job_reads_what_it_finds_when_it_runs() -> None:
    plain = {"apiVersion": "v1", "kind": "Service", "metadata": small.metadata("plain"), "spec": {"ports": [{"port": 80}]}}
    assert not [*references(small.job(envFrom=SETTINGS)), *references(plain), *references(small.settings())]


def test_the_version_follows_the_secret_and_says_nothing_about_its_value() -> None:
    def of(revision: str, value: str) -> str | None:
        stored = {"metadata": {"uid": "u", "resourceVersion": revision}, "data": {"x": value}}
        return version(small.service(envFrom=FROM_SECRET), tokens(lambda _: stored))

    assert of("1", "a") == of("1", "b") != of("2", "a")
    assert version(small.service(), tokens(lambda _: None)) is None


def annotation(item: small.Object | None) -> str:
    assert item is not None
    return str(item["spec"]["template"]["metadata"]["annotations"][ANNOTATION])


def apply(cluster: ClusterApi, objects: Iterable[small.Object]) -> None:
    cluster.apply(with_versions(cluster, objects), "capsule-cluster")


def test_a_changed_secret_restarts_what_reads_it_and_nothing_else(cluster: ClusterApi) -> None:
    reads = workload("Deployment", name="reads", volumes=[volume("a", secret={"secretName": "rolled", "optional": True})])
    objects = [reads, workload("Deployment", name="other"), small.service("function", envFrom=[{"secretRef": {"name": "rolled"}}])]
    cluster.apply([secret("rolled", {"password": "a"})], "test")
    apply(cluster, objects)
    before = annotation(cluster.get(reads))
    assert stale(cluster, objects, frozenset()) == []
    rollout.wait(cluster, objects, 60, lambda *_: None, 0.05)

    cluster.apply([secret("rolled", {"password": "b"})], "test")
    found = stale(cluster, objects, frozenset())
    assert [each.live["metadata"]["name"] for each in found] == ["reads", "function"]
    rollout.restart(cluster, found, progress()[0], QUICK)
    live = cluster.get(reads)
    assert annotation(live) != before and live is not None and unready(reads, live) is None
    assert live["spec"]["template"]["metadata"]["annotations"]["kept"] == "yes" and live["metadata"]["generation"] == 2
    assert stale(cluster, objects, frozenset()) == []
    apply(cluster, objects)
    assert (cluster.get(reads) or {})["metadata"]["generation"] == 2, "the next apply has nothing to do"


def test_a_workload_of_an_earlier_version_restarts_only_for_what_was_just_written(cluster: ClusterApi) -> None:
    item = workload("Deployment", name="earlier", volumes=[volume("a", secret={"secretName": "earlier", "optional": True})])
    cluster.apply([secret("earlier", {"password": "a"}), item], "test")
    assert stale(cluster, [item], frozenset()) == []
    [found] = stale(cluster, [item], frozenset({("Secret", NAMESPACE, "earlier")}))
    assert list(found.change["spec"]["template"]["metadata"]["annotations"]) == [ANNOTATION]
