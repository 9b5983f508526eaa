"""What a dry run refuses on a real cluster and the API of the one-machine Knative does not: answers of Serving 1.23, word for word."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.client import ApiException

from knative.cluster import differences
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
