"""`check`: addresses of Services and pods, before one runs out of them."""

from typing import Any

import pytest

from knative.cluster.checks import addresses
from knative.machine.doctor.finding import Level


def cidr(*ranges: str) -> dict[str, Any]:
    return {"spec": {"cidrs": list(ranges)}}


def service(namespace: str = "other", cluster_ip: str | None = "10.96.0.9") -> dict[str, Any]:
    return {"metadata": {"namespace": namespace}, "spec": {"clusterIP": cluster_ip}}


@pytest.mark.parametrize(
    ("ranges", "count", "garbage", "level"),
    [
        (["10.96.0.0/12"], 464, {}, Level.GOOD),
        (["10.96.0.0/16"], 464, {}, Level.GOOD),
        (["10.96.0.0/20"], 464, {}, Level.WARNING),  # 4094 addresses, 928 a release
        (["10.96.0.0/20"], 464, {"min-non-active-revisions": "2", "max-non-active-revisions": "5"}, Level.GOOD),
        (["10.96.0.0/20"], 464, {"min-non-active-revisions": "disabled", "max-non-active-revisions": "disabled"}, Level.WARNING),
        (["10.96.0.0/22"], 464, {}, Level.FAULT),
        (["10.96.0.0/22"], 8, {}, Level.GOOD),
        (["fd00::/108 10.96.0.0/24"], 464, {}, Level.GOOD),  # the first family is that of a Service with one address
        (["10.96.0.0/22", "10.97.0.0/20"], 464, {}, Level.WARNING),  # ranges that were added count
        ([], 464, {}, Level.NOTE),
    ],
)
def test_each_revision_takes_two_addresses(ranges: list[str], count: int, garbage: dict[str, str], level: Level) -> None:
    finding = addresses.service_finding([cidr(*each.split()) for each in ranges], [], count, garbage)
    assert finding.level is level
    assert finding.remedy or level in (Level.GOOD, Level.NOTE)


def test_addresses_of_others_are_not_free() -> None:
    others = [service() for _ in range(200)]
    headless = [service(cluster_ip="None"), service(cluster_ip=None)]
    platform = [service("capsule") for _ in range(50)]
    found = addresses.service_finding([cidr("10.96.0.0/24")], [*others, *headless, *platform], 20, {"min-non-active-revisions": "0"})
    assert found.level is Level.FAULT and "54 addresses" in found.summary and "80 are needed" in found.summary


def node(pods: str, *ranges: str) -> dict[str, Any]:
    status = {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": pods}, "conditions": [{"type": "Ready", "status": "True"}]}
    return {"metadata": {"name": "n"}, "spec": {"podCIDRs": list(ranges)} if ranges else {}, "status": status}


def test_a_range_smaller_than_the_pods_of_its_node_is_a_warning() -> None:
    [finding] = addresses.pod_findings([node("700", "10.88.0.0/24")], 20, 458)
    assert finding.level is Level.WARNING and "254 pods" in finding.summary and "478 are needed" in finding.summary and finding.remedy
    assert not list(addresses.pod_findings([node("700", "10.88.0.0/24")] * 2, 20, 458)), "two nodes have room"
    assert not list(addresses.pod_findings([node("700", "10.88.0.0/21")], 20, 458))
    assert not list(addresses.pod_findings([node("700")], 20, 458)), "the network plugin has addresses of its own"
    assert not list(addresses.pod_findings([node("110", "10.88.0.0/24")], 20, 458)), "too few pods are a fault of `capacity`"
