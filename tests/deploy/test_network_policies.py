"""The NetworkPolicies of an application's namespace: nothing is open but what builds and instances need, by the settings."""

from typing import Any
from uuid import uuid4

import pytest

from functions.deploy.adapters.configured_networks import ConfiguredNetworks
from functions.deploy.adapters.settings import MountedBuilds
from functions.deploy.domain.manifests import APPLICATION
from functions.deploy.domain.network_policies import DATA_SERVICE, Egress, host_of
from functions.deploy.domain.service_tenancy import service_tenancy
from functions.deploy.domain.tenancy import tenancy
from functions.deploy.ports import BuildSettings
from functions.runtime.config.settings import Settings
from tests.generated.kinds import faults

IN_CLUSTER = {"git.tools.svc": (), "registry.images.svc.cluster.local": ()}
LABEL = "kubernetes.io/metadata.name"


def policies(egress: Egress | None = None) -> dict[str, dict[str, Any]]:
    objects = [each for each in tenancy("shop", uuid4(), egress) if each["kind"] == "NetworkPolicy"]
    assert [fault for each in objects for fault in faults(each)] == []
    assert [each["metadata"]["name"] for each in objects][-1] == "capsule", "what denies comes last: running pods keep their ways"
    return {each["metadata"]["name"]: each["spec"] for each in objects}


def selects(policy: dict[str, Any], component: str | None) -> bool:
    """Whether a policy is about pods with this `capsule.dev/component`; by matchExpressions as Kubernetes evaluates them."""
    results = []
    for each in policy["podSelector"].get("matchExpressions", []):
        is_listed = component in each["values"]
        results.append(is_listed if each["operator"] == "In" else not is_listed)
    return all(results)


def blocks(policy: dict[str, Any]) -> list[str]:
    return [to["ipBlock"]["cidr"] for rule in policy["egress"] for to in rule["to"] if "ipBlock" in to]


def namespaces(policy: dict[str, Any]) -> list[str]:
    return [
        to["namespaceSelector"]["matchLabels"][LABEL]
        for rule in policy["egress"]
        for to in rule["to"]
        if LABEL in to.get("namespaceSelector", {}).get("matchLabels", {})
    ]


def test_instances_reach_the_data_services_of_their_application_and_these_let_it_in() -> None:
    application = uuid4()
    (own,) = (each["spec"] for each in tenancy("shop", application) if each["metadata"]["name"] == "instances" and each["kind"] == "NetworkPolicy")
    namespace, *_, policy = service_tenancy("s0123456789abcdef", application)
    labels = namespace["metadata"]["labels"]
    (out,) = (rule for rule in own["egress"] if "matchExpressions" in rule["to"][0].get("namespaceSelector", {}))
    selector = out["to"][0]["namespaceSelector"]
    assert selector["matchLabels"].items() <= labels.items() and [each["key"] for each in selector["matchExpressions"]] == [DATA_SERVICE]
    assert DATA_SERVICE in labels and {each["port"] for each in out["ports"]} == {5432, 6379}
    clients = policy["spec"]["ingress"][0]
    assert clients["from"][0] == {"namespaceSelector": {"matchLabels": {APPLICATION: str(application)}}} and clients["ports"] == out["ports"]
    assert faults(policy) == []


def test_every_pod_has_one_policy_of_its_own_and_all_are_denied_the_rest() -> None:
    found = policies()
    for component in ("build", "inspection"):
        assert [name for name, each in found.items() if selects(each, component)] == ["builds", "capsule"]
    for component in ("web", "process", "run", "cron", "release", None):
        assert [name for name, each in found.items() if selects(each, component)] == ["instances", "capsule"]
    assert all(each["policyTypes"] == ["Ingress", "Egress"] for each in found.values())
    assert found["capsule"]["ingress"] == [] and [rule["ports"] for rule in found["capsule"]["egress"]] == [
        [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
    ]


def test_only_the_ingress_calls_instances_and_nobody_calls_builds() -> None:
    found = policies()
    rule, *measuring = found["instances"]["ingress"]
    assert all([port["port"] for port in each["ports"]] == [9091] for each in measuring), "the collector reads figures of queue-proxies"
    [source] = rule["from"]
    assert source["namespaceSelector"]["matchExpressions"][0]["operator"] == "In" and "podSelector" not in source
    assert not {"capsule", "rabbitmq", "default"} & set(source["namespaceSelector"]["matchExpressions"][0]["values"])
    assert found["builds"]["ingress"] == []


def test_hosts_of_settings_are_open_for_builds_and_servers_of_data_services_for_instances() -> None:
    egress = Egress(
        networks=("10.9.0.0/16",),
        builds={**IN_CLUSTER, "git.corp.example": ("10.1.2.3", "140.82.121.4"), "mirror.corp.example": ("fd00::7",)},
        instances={"postgres.data.svc": (), "redis.corp.example": ("192.168.3.4",)},
    )
    found = policies(egress)
    assert namespaces(found["builds"]) == ["images", "tools"] and namespaces(found["instances"]) == ["data"]
    assert {"10.1.2.3/32", "fd00::7/128", "10.9.0.0/16"} <= set(blocks(found["builds"])) and "192.168.3.4/32" not in blocks(found["builds"])
    assert {"192.168.3.4/32", "10.9.0.0/16"} <= set(blocks(found["instances"])) and "10.1.2.3/32" not in blocks(found["instances"])
    assert "140.82.121.4/32" not in blocks(found["builds"]), "public addresses are open anyway"


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1", "0.0.0.0", "no address"])
def test_a_host_with_an_address_of_the_node_opens_nothing(address: str) -> None:
    assert blocks(policies(Egress(builds={"evil.example": (address,)}))["builds"]) == blocks(policies()["builds"])


@pytest.mark.parametrize(
    ("setting", "host"),
    [
        ("git.corp.example", "git.corp.example"),
        ("git.corp.example:2222", "git.corp.example"),
        ("registry.images.svc:5000/apps", "registry.images.svc"),
        ("https://user:secret@pypi.corp.example/simple", "pypi.corp.example"),
        ("http://[fd00::7]:3128", "fd00::7"),
        ("", None),
        ("apps", None),
        ("http://[", None),
    ],
)
def test_the_host_of_a_setting(setting: str, host: str | None) -> None:
    assert host_of(setting) == host


async def test_settings_name_the_hosts_and_addresses_are_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(
        {
            "CAPSULE_REPOSITORY_HOSTS": "git.tools.svc 10.1.2.3:2222 samples.localhost missing.invalid",
            "CAPSULE_EGRESS_ALLOW": "10.9.0.0/16",
            "CAPSULE_SERVICES_POSTGRES_ADDRESS": "postgres.data.svc:5432",
        }
    )
    built = BuildSettings(
        {}, "10.7.7.7:5000/apps", {"PIP_INDEX_URL": "https://10.8.8.8/simple https://m/", "REPOSITORY_HOSTS": "", "NO_PROXY": "10.6.6.6"}
    )
    builds = MountedBuilds(settings)
    monkeypatch.setattr(builds, "settings", lambda: built)
    egress = await ConfiguredNetworks(settings, builds).egress()
    assert egress.networks == ("10.9.0.0/16",) and dict(egress.instances) == {"postgres.data.svc": ()}
    assert dict(egress.builds) == {
        "10.1.2.3": ("10.1.2.3",),
        "10.7.7.7": ("10.7.7.7",),
        "10.8.8.8": ("10.8.8.8",),
        "git.tools.svc": (),
        "missing.invalid": (),
    }
