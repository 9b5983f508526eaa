"""Field sets and merging: the cases that tests of the API cannot reach through immutable templates."""

from typing import Any

import pytest

from knative.local import definitions, managed
from knative.local.fields import decode, encode, flatten, format_path, merge
from knative.local.managed import Conflicts

JOB = definitions.load().of("Job.batch").schema


def job(*containers: dict[str, Any], **pod: Any) -> dict[str, Any]:
    template = {"spec": {"containers": list(containers), **pod}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "namespace": "n"}, "spec": {"template": template}}


def container(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "image": "x", **fields}


def pod(object: dict[str, Any]) -> dict[str, Any]:
    return dict(object["spec"]["template"]["spec"])


def apply(live: dict[str, Any] | None, applied: dict[str, Any], manager: str, force: bool = False) -> dict[str, Any]:
    return managed.apply(live, applied, manager, force, JOB)


def test_field_sets_are_encoded_as_in_kubernetes() -> None:
    paths = {path for path, _ in flatten(job(container("a", env=[{"name": "A", "value": "1"}])), {**JOB})}
    tree = encode(paths)
    assert tree["f:spec"]["f:template"]["f:spec"]["f:containers"]['k:{"name":"a"}'] == {
        ".": {}, "f:name": {}, "f:image": {}, "f:env": {'k:{"name":"A"}': {".": {}, "f:name": {}, "f:value": {}}},
    }  # fmt: skip
    assert set(decode(tree)) == paths


def test_two_managers_of_one_container() -> None:
    live = apply(None, job(container("main", env=[{"name": "A", "value": "1"}])), "one")
    live = apply(live, job({"name": "main", "env": [{"name": "B", "value": "2"}]}, volumes=[{"name": "v", "emptyDir": {}}]), "two")
    assert pod(live)["containers"] == [container("main", env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}])]
    live = apply(live, job({"name": "main"}), "two")
    assert pod(live) == {"containers": [container("main", env=[{"name": "A", "value": "1"}])]}


def test_an_item_without_manager_is_removed() -> None:
    live = apply(None, job(container("a"), container("b")), "one")
    assert [each["name"] for each in pod(apply(live, job(container("a")), "one"))["containers"]] == ["a"]


def test_an_item_with_a_field_of_another_manager_stays() -> None:
    live = apply(None, job(container("a"), container("b", workingDir="/")), "one")
    live = apply(live, job({"name": "b", "command": ["c"]}), "two")
    live = apply(live, job(container("a")), "one")
    assert pod(live)["containers"] == [container("a"), {"name": "b", "command": ["c"]}]


def test_items_keep_the_applied_order_and_others_their_position() -> None:
    def names(live: list[str], applied: list[str]) -> list[str]:
        schema = JOB["properties"]["spec"]["properties"]["template"]["properties"]["spec"]["properties"]["containers"]
        return [each["name"] for each in merge([{"name": each} for each in live], [{"name": each} for each in applied], schema)]

    assert names(["a", "b", "c"], ["c", "a"]) == ["b", "c", "a"]
    assert names(["x", "a", "y", "b"], ["a", "b", "n"]) == ["x", "a", "y", "b", "n"]
    assert names([], ["b", "a"]) == ["b", "a"]


def test_an_empty_map_grows_and_shrinks() -> None:
    live = apply(None, job(container("a"), volumes=[{"name": "v", "emptyDir": {}}]), "one")
    live = apply(live, job(container("a"), volumes=[{"name": "v", "emptyDir": {"medium": "Memory"}}]), "one")
    assert pod(live)["volumes"] == [{"name": "v", "emptyDir": {"medium": "Memory"}}]
    assert pod(apply(live, job(container("a"), volumes=[{"name": "v", "emptyDir": {}}]), "one"))["volumes"] == [{"name": "v", "emptyDir": {}}]


def test_merge_keys_may_have_their_default() -> None:
    live = apply(None, job(container("a", ports=[{"containerPort": 80, "protocol": "TCP"}])), "one")
    live = apply(live, job({"name": "a", "ports": [{"containerPort": 80, "name": "http"}]}), "two")
    assert pod(live)["containers"][0]["ports"] == [{"containerPort": 80, "protocol": "TCP", "name": "http"}]


def test_a_conflict_names_the_path_of_the_field() -> None:
    live = apply(None, job(container("main", env=[{"name": "A", "value": "1"}])), "one")
    with pytest.raises(Conflicts) as error:
        apply(live, job({"name": "main", "image": "y", "env": [{"name": "A", "value": "2"}]}), "two")
    assert {format_path(clash.path) for clash in error.value.clashes} == {
        '.spec.template.spec.containers[name="main"].image',
        '.spec.template.spec.containers[name="main"].env[name="A"].value',
    }


def test_the_same_value_is_shared_without_conflict() -> None:
    live = apply(None, job(container("a")), "one")
    live = apply(live, job(container("a")), "two")
    assert len(live["metadata"]["managedFields"]) == 2
    with pytest.raises(Conflicts) as error:
        apply(live, job(container("a") | {"image": "y"}), "two")
    assert [clash.manager.name for clash in error.value.clashes] == ["one"]


def test_an_update_owns_what_it_changed_and_not_what_it_removed() -> None:
    live = apply(None, job(container("a", command=["c"], workingDir="/")), "one")
    changed = job(container("a", command=["d"]))
    changed["metadata"]["managedFields"] = live["metadata"]["managedFields"]
    entries = {entry["manager"]: entry["fieldsV1"] for entry in managed.update(live, changed, "hand", JOB)}
    item = 'k:{"name":"a"}'
    assert entries["hand"]["f:spec"]["f:template"]["f:spec"]["f:containers"] == {item: {"f:command": {}}}
    assert entries["one"]["f:spec"]["f:template"]["f:spec"]["f:containers"] == {item: {".": {}, "f:name": {}, "f:image": {}}}
