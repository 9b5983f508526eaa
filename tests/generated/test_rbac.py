"""What each account of the rendered manifests may do, by Kubernetes' rules: every verb, resource and namespace.

Nothing in the platform's and the system's namespaces but what is listed here, and in the namespace of an application only what deploy
bound there. The evaluator is that of the one-machine API; `tests/knative/conformance/test_access.py` asks a cluster.
"""

from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from functions.deploy.domain.service_tenancy import namespace_of_service, service_tenancy
from functions.deploy.domain.tenancy import attach_binding, tenancy
from knative.local.rbac import GROUP, Attempt, Authorizer
from knative.local.tokens import Identity, service_account
from tests.generated.kinds import Manifest
from tests.generated.rendering import KNATIVE, render

PLATFORM, APPLICATION, UNBOUND = "capsule", "app-shop", "app-other"
SYSTEM = (
    "capsule-collector",
    "default",
    "kube-system",
    "kube-public",
    "knative-serving",
    "knative-eventing",
    "kourier-system",
    "rabbitmq",
    "postgresql",
)
VERBS = (
    *("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"),
    *("bind", "escalate", "impersonate", "approve", "sign", "use", "*"),
)
SENSITIVE = {
    *(("", each) for each in ("secrets", "configmaps", "pods", "pods/exec", "pods/log", "pods/portforward", "pods/ephemeralcontainers", "services")),
    *(("", each) for each in ("serviceaccounts", "serviceaccounts/token", "nodes", "nodes/proxy", "namespaces", "persistentvolumes", "events", "*")),
    *(("apps", each) for each in ("deployments", "daemonsets", "statefulsets", "*")),
    *(("batch", each) for each in ("jobs", "cronjobs", "*")),
    *((GROUP, each) for each in ("roles", "rolebindings", "clusterroles", "clusterrolebindings", "*")),
    *(("serving.knative.dev", each) for each in ("services", "services/status", "revisions", "*")),
    *(("admissionregistration.k8s.io", each) for each in ("validatingadmissionpolicies", "validatingadmissionpolicybindings")),
    *(("authentication.k8s.io", "tokenreviews"), ("apiextensions.k8s.io", "customresourcedefinitions"), ("*", "*"), ("none.example", "things")),
}  # fmt: skip
Allowed = set[tuple[str, str]]
"""(verb, resource.group)"""


def allowed(verbs: str, *resources: str) -> Allowed:
    return set(product(verbs.split(), resources))


EVERYWHERE: Mapping[str, Allowed] = {
    "deploy-cluster": {
        *allowed("get create", "namespaces"),
        *allowed("create", f"rolebindings.{GROUP}"),  # which: the admission policy deploy-cluster-objects
        *allowed("bind", f"clusterroles.{GROUP}"),
        *allowed("get create patch delete", "clusterdomainclaims.networking.internal.knative.dev"),
    },
    "capsule-collector/capsule-collector": {*allowed("get list watch", "pods"), *allowed("get", "nodes/metrics")},
}
"""In the whole cluster: what has no namespace yet, which admission policies bound (decision 0007), and what the collector of nodes reads. An
account of another namespace than the platform's has its namespace in front."""
LISTS_FUNCTIONS = allowed("list", "pods", "services.serving.knative.dev")
IN_PLATFORM: Mapping[str, Allowed] = {
    "deploy-functions": LISTS_FUNCTIONS,
    "capsule-topology": {
        *allowed("get list watch", "brokers.eventing.knative.dev", "triggers.eventing.knative.dev"),
        *allowed("get list watch", *(f"{each}.rabbitmq.com" for each in ("exchanges", "queues", "bindings"))),
    },
}
IN_APPLICATIONS: Mapping[str, Allowed] = {
    "edge-cluster": allowed("get create", "pods/attach"),
    "capsule-deployments": allowed("get list watch", "jobs.batch", "services.serving.knative.dev", "deployments.apps"),
}
IN_DATA_SERVICES = {
    *allowed("patch delete", "namespaces"),
    *allowed("list", "pods"),
    *allowed("get", "pods/log"),
    *allowed("create patch", "configmaps", "resourcequotas", "secrets", "services", "networkpolicies.networking.k8s.io"),
    *allowed("get create patch", "statefulsets.apps", "clusters.postgresql.cnpg.io"),
}
BINDABLE = {"deploy-tenant", "deploy-data-service", "edge-attach", "capsule-deployments"}


class Rendered:
    """Rendered manifests as the evaluator reads them."""

    def __init__(self, manifests: Iterable[Manifest]) -> None:
        self.objects: dict[str, list[Manifest]] = {}
        for each in manifests:
            self.objects.setdefault(f"{each['kind']}.{GROUP}" if each["apiVersion"].startswith(GROUP) else each["kind"], []).append(each)

    def find(self, kind: str, namespace: str | None, name: str, /) -> Manifest | None:
        return next((each for each in self.list(kind, namespace) if each["metadata"]["name"] == name), None)

    def list(self, kind: str, namespace: str | None = None, /) -> list[Manifest]:
        return [each for each in self.objects.get(kind, ()) if namespace is None or each["metadata"].get("namespace") == namespace]


@pytest.fixture(scope="module", params=["local", "production", "grouped"])
def overlay(request: pytest.FixtureRequest, kubectl: Path, grouped: Path) -> tuple[str, Rendered]:
    folder = grouped if request.param == "grouped" else KNATIVE / "overlays" / request.param
    objects = (*tenancy("shop", uuid4()), *service_tenancy("s0123456789abcdef", uuid4()), attach_binding("shop"))
    bindings = [each for each in objects if each["kind"] == "RoleBinding"]
    return request.param, Rendered([*render(kubectl, folder), *bindings])


def test_accounts_may_do_what_is_listed_and_nothing_else(overlay: tuple[str, Rendered]) -> None:
    name, rendered = overlay
    grouped = {"deploy-cluster": LISTS_FUNCTIONS} if name.endswith("grouped") else {}
    for account in accounts(rendered):
        everywhere = EVERYWHERE.get(account, set())
        assert permissions(rendered, account, None) == everywhere, account
        for namespace in (*SYSTEM, UNBOUND):
            assert permissions(rendered, account, namespace) == everywhere, f"{account} in {namespace}"
        in_platform = IN_PLATFORM.get(account, set()) | grouped.get(account, set())
        assert permissions(rendered, account, PLATFORM) == everywhere | in_platform, f"{account} in {PLATFORM}"
        if account != "deploy-cluster":
            assert permissions(rendered, account, APPLICATION) == everywhere | IN_APPLICATIONS.get(account, set()), account


def test_deploy_works_in_namespaces_of_applications_and_reads_no_secret_there(overlay: tuple[str, Rendered]) -> None:
    found = permissions(overlay[1], "deploy-cluster", APPLICATION)
    assert {("create", "jobs.batch"), ("patch", "services.serving.knative.dev"), ("patch", "secrets"), ("delete", "namespaces")} <= found
    secrets = {verb for verb, resource in found if resource == "secrets"}
    assert secrets == {"create", "patch", "deletecollection"}, "it writes what a pod mounts, and cannot read it back"
    forbidden = ("pods/exec", "pods/attach", "serviceaccounts/token", "roles", f"roles.{GROUP}", "pods/log")
    assert not {each for each in found if each[1] in forbidden}
    assert {verb for verb, resource in found if resource == "serviceaccounts"} <= {"create", "patch"}, "the default one's pull secrets"
    assert {verb for verb, resource in found if resource == f"rolebindings.{GROUP}"} == {"create"}


def test_deploy_runs_servers_of_data_services_and_reads_no_secret_there(overlay: tuple[str, Rendered]) -> None:
    namespace = namespace_of_service("s0123456789abcdef")
    for account in accounts(overlay[1]):
        everywhere = EVERYWHERE.get(account, set())
        expected = IN_DATA_SERVICES if account == "deploy-cluster" else set()
        assert permissions(overlay[1], account, namespace) == everywhere | expected, account


def test_only_roles_of_applications_can_be_bound(overlay: tuple[str, Rendered]) -> None:
    authorizer = Authorizer(overlay[1])
    roles = [each["metadata"]["name"] for each in overlay[1].list(f"ClusterRole.{GROUP}")]
    for account, role in product(accounts(overlay[1]), [*roles, "cluster-admin", "admin", "edit", "view", ""]):
        may_bind = authorizer.allows(_identity(account), Attempt("bind", GROUP, "clusterroles", None, role))
        assert may_bind is (account == "deploy-cluster" and role in BINDABLE), f"{account} binds {role}"


def test_nobody_but_deploy_writes_in_every_namespace_and_nobody_reads_secrets_there() -> None:
    """The headline, whatever is added to the lists above."""
    for account, found in EVERYWHERE.items():
        writes = {each for each in found if each[0] not in ("get", "list", "watch")}
        assert not writes or account == "deploy-cluster", account
        assert not {resource for _, resource in found if resource.partition(".")[0] in ("secrets", "jobs", "services", "configmaps", "pods/exec")}, (
            account
        )


def test_no_role_has_a_wildcard_and_no_binding_another_subject(overlay: tuple[str, Rendered]) -> None:
    for role in (*overlay[1].list(f"ClusterRole.{GROUP}"), *overlay[1].list(f"Role.{GROUP}")):
        for rule in role["rules"]:
            assert "*" not in {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}, role["metadata"]["name"]
            assert not {"escalate", "impersonate"} & set(rule["verbs"]), role["metadata"]["name"]
    for binding in (*overlay[1].list(f"ClusterRoleBinding.{GROUP}"), *overlay[1].list(f"RoleBinding.{GROUP}")):
        for subject in binding["subjects"]:
            assert subject["kind"] == "ServiceAccount", binding["metadata"]["name"]
            assert overlay[1].find("ServiceAccount", subject["namespace"], subject["name"]) is not None, binding["metadata"]["name"]


def accounts(rendered: Rendered) -> list[str]:
    """Every account that an object creates, uses or binds, and the default one of the namespace."""
    used = {spec.get("serviceAccountName") for found in rendered.objects.values() for each in found for spec in _specs(each)}
    created = {(each["metadata"]["namespace"], each["metadata"]["name"]) for each in rendered.list("ServiceAccount")}
    assert used - {None} <= {name for _, name in created}
    return sorted({"default", *(name if namespace == PLATFORM else f"{namespace}/{name}" for namespace, name in created)})


def _identity(account: str) -> Identity:
    namespace, _, name = account.rpartition("/")
    return service_account(namespace or PLATFORM, name)


def _specs(manifest: Manifest) -> Iterable[dict[str, Any]]:
    spec = manifest.get("spec") or {}
    return (spec, (spec.get("template") or {}).get("spec") or {})


def permissions(rendered: Rendered, account: str, namespace: str | None) -> Allowed:
    """Every (verb, resource) that the account may use in a namespace, by any name."""
    authorizer, identity = Authorizer(rendered), _identity(account)
    rules = [rule for role in (*rendered.list(f"ClusterRole.{GROUP}"), *rendered.list(f"Role.{GROUP}")) for rule in role["rules"]]
    resources = SENSITIVE | {(group, each) for rule in rules for group in rule["apiGroups"] for each in rule["resources"]}
    names = {each: rule["resourceNames"] for rule in rules if "resourceNames" in rule for each in rule["resources"]}
    return {
        (verb, f"{resource}.{group}" if group else resource)
        for (group, resource), verb in product(resources, VERBS)
        for name in {"", *names.get(resource, ())}
        if authorizer.allows(identity, Attempt(verb, group, resource, namespace, name))
    }
