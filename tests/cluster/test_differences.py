"""What a dry run refuses on a real cluster and the API of the one-machine Knative does not: answers of Serving 1.23, word for word."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.client import ApiException

from knative.cluster import connection, differences
from knative.cluster.owned_fields import owned_by, project
from tests.cluster import small

NO_ACCOUNT = (
    'admission webhook "validation.webhook.serving.knative.dev" denied the request: validation callback failed: dry run failed with '
    'pods "dry-run-validation" is forbidden: error looking up service account capsule/deploy-cluster: serviceaccount "deploy-cluster" not found: '
    "spec.template"
)
ACCOUNT = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": small.metadata("deploy-cluster")}


class RefusingCluster:
    """Has no object, and refuses each Service with the answer."""

    def __init__(self, message: str) -> None:
        self._message = message
        self.dynamic = SimpleNamespace(resources=self)

    def has(self, *_: str) -> bool:
        return True

    def present(self, _: small.Object) -> None:
        return None

    def listed(self, *_: Any) -> list[small.Object]:
        return []

    def get(self, *, api_version: str, kind: str) -> Any:
        def apply(**_: Any) -> Any:
            if kind == "Service":
                error = ApiException(status=400)
                error.body = json.dumps({"message": self._message})
                raise error
            return SimpleNamespace(to_dict=dict)

        return SimpleNamespace(server_side_apply=apply)


@pytest.mark.parametrize(
    "message, has_account, action",
    [(NO_ACCOUNT, True, "create"), (NO_ACCOUNT, False, "refused"), ("must not set the field(s): spec.template.spec.hostUsers", True, "refused")],
)
def test_a_service_whose_account_is_applied_with_it_is_not_refused(message: str, has_account: bool, action: str) -> None:
    overlay = small.overlay(*([ACCOUNT] if has_account else []), small.service("deploy"))
    found = list(differences.differences(RefusingCluster(message), overlay))  # type: ignore[arg-type]
    assert [each.action for each in found if each.item["kind"] == "Service"] == [action]


OWNED = {
    "f:metadata": {"f:labels": {"f:app": {}}},
    "f:spec": {
        "f:template": {"f:spec": {"f:containers": {'k:{"name":"main"}': {".": {}, "f:image": {}, "f:name": {}}}}},
        "f:finalizers": {'v:"a"': {}},
        "f:rules": {},
    },
}


def daemon_set(image: str = "x", **metadata: Any) -> small.Object:
    """As an API server answers: with defaults, a sidecar of a webhook, and an annotation that it counts up."""
    fields = [{"manager": differences.MANAGER, "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": OWNED}]
    containers = [{"name": "sidecar", "image": "y"}, {"name": "main", "image": image, "imagePullPolicy": "Always"}]
    return {
        "metadata": {"name": "collector", "labels": {"app": "x"}, "managedFields": fields, **metadata},
        "spec": {"template": {"spec": {"containers": containers}}, "finalizers": ["a", "b"], "rules": [{"any": 1}], "updateStrategy": {"type": "x"}},
    }


def found_changes(before: small.Object, after: small.Object) -> list[tuple[str, str | None, str | None]]:
    owned = owned_by(differences.MANAGER, (before, after))
    return [(each.path, each.before, each.after) for each in differences.changes(project(before, owned), project(after, owned))]


def test_what_the_api_server_sets_is_no_difference() -> None:
    before = daemon_set(annotations={"deprecated.daemonset.template.generation": "1"}, generation=3)
    after = daemon_set(annotations={"deprecated.daemonset.template.generation": "0"})
    after["spec"]["updateStrategy"]["rollingUpdate"] = {"maxUnavailable": 1}
    after["spec"]["template"]["spec"]["containers"].reverse()
    after["spec"]["finalizers"].append("c")
    assert found_changes(before, after) == []


def test_what_the_manifest_names_is_a_difference() -> None:
    [change] = found_changes(daemon_set(), daemon_set("other"))
    assert change == (".spec.template.spec.containers[0].image", '"x"', '"other"')
    changed = daemon_set()
    changed["spec"]["rules"] = [{"any": 2}]
    assert [path for path, *_ in found_changes(daemon_set(), changed)] == [".spec.rules[0].any"], "a list without keys is owned as a whole"


def test_a_field_that_the_manifest_no_longer_names_is_a_difference() -> None:
    after = daemon_set(labels={})
    after["metadata"]["managedFields"] = [{**after["metadata"]["managedFields"][0], "fieldsV1": {"f:spec": OWNED["f:spec"]}}]
    assert found_changes(daemon_set(), after) == [(".metadata.labels.app", '"x"', None)]


def test_an_object_that_another_manager_applied_is_compared_by_the_manifest() -> None:
    before = daemon_set("former")
    before["metadata"]["managedFields"][0] = {**before["metadata"]["managedFields"][0], "manager": "kubectl"}
    assert [path for path, *_ in found_changes(before, daemon_set())] == [".spec.template.spec.containers[0].image"]


def test_a_webhook_that_starts_is_waited_for_and_not_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    cluster = RefusingCluster("")
    answers = [small.refusal(500, small.STARTING)] * 2

    def apply(**_: Any) -> Any:
        if answers:
            raise answers.pop()
        return SimpleNamespace(to_dict=dict)

    monkeypatch.setattr(cluster, "get", lambda **_: SimpleNamespace(server_side_apply=apply))
    monkeypatch.setattr(connection, "time", SimpleNamespace(monotonic=lambda: 0.0, sleep=waited.append))
    found = differences.difference(cluster, small.service("deploy"), deadline=1.0)  # type: ignore[arg-type]
    assert found.action == "create" and waited == [connection.PAUSE_SECONDS] * 2
    answers.append(small.refusal(500, small.STARTING))
    assert differences.difference(cluster, small.service("deploy"), deadline=-1.0).action == "refused"  # type: ignore[arg-type]
