"""`up` applies again what has changed: in the manifest, or in the object, whoever changed it."""

from copy import deepcopy
from pathlib import Path

import pytest

from knative.cluster.connection import ClusterApi
from knative.machine import kustomize
from knative.machine.cluster import UP, Object
from knative.machine.home import Home
from knative.machine.problems import Problem
from knative.machine.unchanged import apply_changed, covers


def config(name: str, **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default", "labels": {"app": "x"}}, "data": data}


@pytest.fixture
def documents() -> list[Object]:
    return [config("first", a="1"), config("second", a="1"), {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "applied"}}]


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "applied.json"


def test_what_was_applied_and_is_unchanged_is_left_alone(cluster: ClusterApi, documents: list[Object], record: Path) -> None:
    assert apply_changed(cluster, documents, UP, record) == 3
    versions = [each["metadata"]["resourceVersion"] for each in cluster.read("v1", "ConfigMap", "default")]
    assert apply_changed(cluster, documents, UP, record) == 0
    assert [each["metadata"]["resourceVersion"] for each in cluster.read("v1", "ConfigMap", "default")] == versions


def test_a_change_of_the_manifest_and_only_it_is_applied(cluster: ClusterApi, documents: list[Object], record: Path) -> None:
    apply_changed(cluster, documents, UP, record)
    documents[0] = config("first", b="2")
    assert apply_changed(cluster, documents, UP, record) == 1
    assert (cluster.get(documents[0]) or {})["data"] == {"b": "2"}, "a field that the manifest no longer has is removed"


@pytest.mark.parametrize("how", ["changed", "label removed", "deleted", "replaced"])
def test_what_another_changed_is_applied_again(cluster: ClusterApi, documents: list[Object], record: Path, how: str) -> None:
    apply_changed(cluster, documents, UP, record)
    if how == "changed":
        cluster.core.patch_namespaced_config_map("first", "default", {"data": {"a": "other"}})
    elif how == "label removed":
        cluster.core.patch_namespaced_config_map("first", "default", {"metadata": {"labels": {"app": None}}})
    else:
        cluster.delete(documents[0])
        if how == "replaced":
            cluster.core.create_namespaced_config_map("default", documents[0])
    assert apply_changed(cluster, documents, UP, record) == 1
    assert covers(cluster.get(documents[0]), documents[0])


def test_an_interrupted_apply_is_repeated(cluster: ClusterApi, documents: list[Object], record: Path) -> None:
    apply_changed(cluster, documents, UP, record)
    refused = deepcopy(documents[1])
    refused["data"] = {"not a key": "1"}
    with pytest.raises(Problem, match="second"):
        apply_changed(cluster, [config("first", c="3"), refused], UP, record)
    assert apply_changed(cluster, documents, UP, record) == 3
    assert (cluster.get(documents[0]) or {})["data"] == {"a": "1"}


@pytest.mark.parametrize(
    ("live", "document", "is_covered"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": None}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": [1, 2]}, {"a": [1]}, False),
        ({"a": [{"x": 1, "y": 2}]}, {"a": [{"x": 1}]}, True),
        ({"a": [{"x": 1}]}, {"a": {}}, False),
        ({}, {"a": {}}, False),
    ],
)
def test_an_object_holds_a_document(live: Object, document: Object, is_covered: bool) -> None:
    assert covers(live, document) is is_covered


def test_a_manifest_is_rendered_once_until_its_files_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project, home = tmp_path / "project", Home(tmp_path / "home")
    overlay = project / "knative" / "overlays" / "local"
    overlay.mkdir(parents=True)
    (overlay / "kustomization.yaml").write_text("resources: [a.yaml]\n")
    (overlay / "a.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    home.create()
    monkeypatch.setattr(kustomize, "PROJECT", project)
    assert [each["metadata"]["name"] for each in kustomize.render(home)] == ["a"]
    monkeypatch.setattr(kustomize, "kubectl", lambda _: Path("/bin/false"))
    assert [each["metadata"]["name"] for each in kustomize.render(home)] == ["a"]
    (overlay / "a.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n")
    with pytest.raises(Problem, match="cannot be rendered"):
        kustomize.render(home)
    stored = home.run / "rendered-local.json"
    monkeypatch.undo()
    monkeypatch.setattr(kustomize, "PROJECT", project)
    kustomize.render(home)
    stored.write_text(stored.read_text()[:-20])
    assert [each["metadata"]["name"] for each in kustomize.render(home)] == ["b"], "what was cut off is rendered again"
