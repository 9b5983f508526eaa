"""The component `isolated`: what the platform's functions may reach follows from their declarations."""

import importlib
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from functions.describe.catalog import Catalog
from functions.describe.grants import OUTSIDE, grants_of
from functions.describe.networks import network_policies
from functions.describe.outputs import ISOLATED
from functions.runtime.config.registry import Registry, contexts, wiring_of
from tests.generated.kinds import PROJECT, Manifest, faults

CALL = "from functions.runtime.storage.external_call import external_call"
OF_THE_CLUSTER = {"Cluster", "DomainObjects", "FunctionServices", "VolumeStorage"}
"""Ports with adapters that call the cluster's API, with an account."""
OF_FILES = {"Mailbox"}
"""Ports with adapters that read files."""


def policies() -> dict[str, Manifest]:
    return {each["metadata"]["name"]: each for each in yaml.safe_load_all((PROJECT / ISOLATED / "policies.yaml").read_text())}


@cache
def pods() -> dict[str, dict[str, str]]:
    """Service → labels of its pods."""
    files = [*(PROJECT / "knative/base").glob("*.yaml"), *(PROJECT / "knative/components/grouped").glob("*.yaml")]
    objects = [each for file in files for each in yaml.load_all(file.read_text(), yaml.CSafeLoader) if each and each["kind"] == "Service"]
    return {each["metadata"]["name"]: each["spec"]["template"]["metadata"]["labels"] for each in objects}


def selected(policy: Manifest, labels: dict[str, str]) -> bool:
    selector = policy["spec"]["podSelector"]
    exists = all(each["operator"] == "Exists" and each["key"] in labels for each in selector.get("matchExpressions", []))
    return exists and selector.get("matchLabels", {}).items() <= labels.items()


def test_the_policies_are_valid() -> None:
    assert list(policies().values()) == network_policies(contexts())
    assert [fault for each in policies().values() for fault in faults(each)] == []


def test_every_function_is_denied_what_no_policy_allows() -> None:
    base = policies()["functions"]
    assert base["spec"]["policyTypes"] == ["Ingress", "Egress"] and all(selected(base, labels) for labels in pods().values())
    assert len(pods()) > 300


def test_the_ingress_knative_and_dispatchers_call_functions_and_the_collector_reads_their_figures() -> None:
    callers, collector = policies()["functions"]["spec"]["ingress"]
    [own, knative] = callers["from"]
    assert own == {"podSelector": {}} and "ports" not in callers
    namespaces = knative["namespaceSelector"]["matchExpressions"][0]["values"]
    assert {"knative-serving", "knative-eventing", "kourier-system"} <= set(namespaces) and not any(each.startswith("app-") for each in namespaces)
    assert [each["port"] for each in collector["ports"]] == [9091]


def test_a_function_reaches_the_database_of_its_own_context_only() -> None:
    found = policies()
    for service, labels in pods().items():
        context = labels["app.kubernetes.io/component"]
        databases = {name for name, policy in found.items() if name.startswith("functions-database-") and selected(policy, labels)}
        assert databases == ({f"functions-database-{context}"} if context in contexts() else set()), service


def test_only_functions_with_an_account_reach_the_cluster() -> None:
    policy = policies()["functions-cluster"]
    reaching = {service for service, labels in pods().items() if selected(policy, labels)}
    with_account = {
        each["metadata"]["name"]
        for file in [*(PROJECT / "knative/base").glob("*.yaml"), *(PROJECT / "knative/components/grouped").glob("*.yaml")]
        for each in yaml.load_all(file.read_text(), yaml.CSafeLoader)
        if each and each["kind"] == "Service" and "serviceAccountName" in each["spec"]["template"]["spec"]
    }
    assert reaching == with_account and {"deploy", "deploy-deploy"} & reaching == {"deploy"}


def test_every_port_that_calls_out_is_known() -> None:
    """`OUTSIDE` names ports by hand; their adapters are in modules that use `external_call`."""
    calling = {port.__name__ for context in contexts() for port, factory in wiring_of(context).ports.items() if _calls_out(factory)}
    assert calling - OF_THE_CLUSTER - OF_FILES <= OUTSIDE
    ports = {port.__name__ for context in contexts() for port in wiring_of(context).ports}
    assert ports >= OUTSIDE, "no port has that name any more"


def test_most_functions_reach_nothing_outside() -> None:
    catalog = Catalog.of(Registry.load().declarations)
    outside = [each.name for context in contexts() for each in catalog.of_context(context) if grants_of(each, wiring_of(context)).reaches_outside]
    assert {"billing.on_payment_requested", "auth.on_user_created", "monitor.on_webhook_delivery_requested"} <= set(outside)
    assert not {"auth.login", "auth.me", "billing.current_bill", "deploy.deploy", "monitor.logs"} & set(outside)
    assert len(outside) < 80


def _calls_out(factory: Any) -> bool:
    return any(CALL in Path(inspect.getsourcefile(importlib.import_module(name)) or "").read_text() for name in _modules_of(factory))


def _modules_of(factory: Any) -> Iterator[str]:
    """The module of an adapter's class, or those that a factory imports or names."""
    if inspect.isclass(factory):
        yield factory.__module__
        return
    source = inspect.getsource(factory)
    yield from re.findall(r"from (functions\.\S+) import", source)
    module = inspect.getmodule(factory)
    for name, value in vars(module).items():
        if inspect.isclass(value) and value.__module__.startswith("functions.") and re.search(rf"\b{name}\(", source):
            yield value.__module__
