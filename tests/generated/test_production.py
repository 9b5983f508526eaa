"""The production overlay with servers of its own: what it names exists, nothing takes more than there is, every namespace has its rules."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from knative.machine.home import CONTEXTS
from tests.generated.kinds import Manifest
from tests.generated.rendering import KNATIVE, containers, overlay_of, pods, production_with_servers, render
from tests.generated.test_manifests import problems


@pytest.fixture(scope="module")
def manifests(kubectl: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    return production_with_servers(kubectl, tmp_path_factory.mktemp("overlays"))


@pytest.fixture(scope="module")
def timescale(kubectl: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    return render(kubectl, overlay_of(tmp_path_factory.mktemp("overlays") / "series", "cloudnativepg", "timescaledb", base=""))


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Any]:
    return {each["metadata"]["name"]: each for each in manifests if each["kind"] == kind}


def test_every_public_address_leads_to_a_service(manifests: list[Manifest]) -> None:
    """Applications have another domain, so no name of the platform follows from config-domain."""
    settings = of_kind(manifests, "ConfigMap")["capsule-settings"]["data"]
    named = {name: urlsplit(value).hostname for name, value in settings.items() if "://" in value and "{" not in value}
    mappings = of_kind(manifests, "DomainMapping")
    services, claims = of_kind(manifests, "Service"), of_kind(manifests, "ClusterDomainClaim")
    assert set(named) == {"CAPSULE_ISSUER", "CAPSULE_PUBLIC_URL", "CAPSULE_DASHBOARD_URL", "CAPSULE_TERMINAL_URL"}
    for name, host in named.items():
        target = services[mappings[str(host)]["spec"]["ref"]["name"]]
        assert "networking.knative.dev/visibility" not in target["metadata"]["labels"], f"{name}: {host} leads to a Service of the cluster only"
    assert set(claims) == set(mappings)


def test_every_namespace_restricts_its_pods(manifests: list[Manifest]) -> None:
    enforced = {name: each["metadata"]["labels"].get("pod-security.kubernetes.io/enforce") for name, each in of_kind(manifests, "Namespace").items()}
    assert enforced == {"capsule": "baseline", "rabbitmq": "baseline", "capsule-collector": "privileged"}


def test_three_of_each_server_and_gateway_may_lose_one(manifests: list[Manifest]) -> None:
    gateway = of_kind(manifests, "Service")["edge-gateway"]["spec"]["template"]["metadata"]["annotations"]
    assert gateway["autoscaling.knative.dev/min-scale"] == "3"
    rabbitmq, postgres = of_kind(manifests, "RabbitmqCluster")["rabbitmq"]["spec"], of_kind(manifests, "Cluster")["postgres"]["spec"]
    assert (rabbitmq["replicas"], postgres["instances"]) == (3, 3)
    assert rabbitmq["tls"]["disableNonTLSListeners"] is True
    budgets = of_kind(manifests, "PodDisruptionBudget")
    assert {"edge-gateway", "rabbitmq"} <= set(budgets) and all(each["spec"]["maxUnavailable"] == 1 for each in budgets.values())


def test_poolers_open_no_more_connections_than_the_server_has(manifests: list[Manifest]) -> None:
    """A pool belongs to a login and a database, in each instance of a pooler: functions and readers of the primary, readers of replicas."""
    cluster = of_kind(manifests, "Cluster")["postgres"]["spec"]
    for name, logins in (("postgres-pooler-rw", 2), ("postgres-pooler-ro", 1)):
        pooler = of_kind(manifests, "Pooler")[name]["spec"]
        connections = len(CONTEXTS) * logins * pooler["instances"] * int(pooler["pgbouncer"]["parameters"]["default_pool_size"])
        assert connections <= int(cluster["postgresql"]["parameters"]["max_connections"]) - 30, (
            f"{name}: the rest is for owners, replicas and CloudNativePG"
        )


def test_a_commit_waits_for_no_replica_that_is_away(manifests: list[Manifest]) -> None:
    postgresql = of_kind(manifests, "Cluster")["postgres"]["spec"]["postgresql"]
    assert postgresql["synchronous"] == {"method": "any", "number": 1, "dataDurability": "preferred"}
    assert "synchronous_commit" not in postgresql["parameters"], "remote_apply would let one paused replica stop every write"


def test_issuers_that_are_named_exist(manifests: list[Manifest]) -> None:
    issuers = set(of_kind(manifests, "ClusterIssuer"))
    network = KNATIVE / "overlays" / "production" / "knative-serving" / "network.yaml"
    settings = next(each for each in yaml.safe_load_all(network.read_text()) if each["metadata"]["name"] == "config-certmanager")
    assert {yaml.safe_load(each)["name"] for each in settings["data"].values()} <= issuers
    assert {each["spec"]["issuerRef"]["name"] for each in of_kind(manifests, "Certificate").values()} <= issuers


def test_the_quota_has_room_for_everything_at_once(manifests: list[Manifest]) -> None:
    hard = of_kind(manifests, "ResourceQuota")["capsule"]["spec"]["hard"]
    limits = [each["resources"]["limits"]["memory"] for name, pod in pods(manifests) if "ConfigMap" not in name for each in containers(pod)]
    mebibytes = (
        sum(int(each.removesuffix("Mi")) for each in limits) + 256 * len(of_kind(manifests, "Service")) + 128 * len(of_kind(manifests, "Trigger"))
    )
    assert mebibytes < int(hard["limits.memory"].removesuffix("Gi")) * 1024, "one pod of each Service with its sidecar, and each dispatcher"


def test_monitor_alone_gets_timescaledb(timescale: list[Manifest]) -> None:
    cluster, databases = of_kind(timescale, "Cluster")["postgres"], of_kind(timescale, "Database")
    assert problems([cluster, *databases.values()]) == []
    assert {name for name, each in databases.items() if each["spec"].get("extensions")} == {"monitor"}
    postgresql = cluster["spec"]["postgresql"]
    assert postgresql["shared_preload_libraries"] == ["timescaledb"] and postgresql["parameters"]["max_connections"] == "200", (
        "a patch keeps the rest"
    )
    [extension], image = postgresql["extensions"], cluster["spec"]["imageName"]
    assert re.search(r":(\d+)-", image)[1] == re.search(r"-(\d+)-", extension["image"]["reference"])[1], "both of one major version"  # type: ignore[index]
