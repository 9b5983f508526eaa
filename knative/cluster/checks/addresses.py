"""Whether the cluster has addresses enough for the Services and pods of the overlay.

Knative makes two Services with an address for each Revision (ServerlessService: the public and the private one) and keeps them with the Revision
until its garbage collector deletes that: by default the last 20 of each Service, and whatever is younger than 48 hours (config-gc). An overlay
with one Service per function so takes twice its number of addresses with each release.
"""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping

from knative.cluster.checks.capacity import always_on, is_usable
from knative.cluster.connection import ClusterApi
from knative.cluster.overlay import Object, Overlay
from knative.machine.doctor.finding import Finding, Level
from knative.machine.installation_objects import NAMESPACE

CHECK = "addresses"
PER_REVISION = 2
GARBAGE: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "config-gc", "namespace": "knative-serving"}}
MIN_IDLE, MAX_IDLE = "min-non-active-revisions", "max-non-active-revisions"
DEFAULT_IDLE = {MIN_IDLE: "20", MAX_IDLE: "1000"}
"""Knative Serving's defaults."""
DISABLED = "disabled"
RESERVED = 2
"""Of each range of IPv4: the network's own address and the broadcast address (or the gateway's)."""
GROUPED = "components: [../../components/grouped]"


def check(cluster: ClusterApi, overlay: Overlay) -> Iterator[Finding]:
    ranges = cluster.listed("networking.k8s.io/v1", "ServiceCIDR")
    garbage = (cluster.present(GARBAGE) or {}).get("data") or {}
    yield service_finding(ranges, cluster.listed("v1", "Service"), len(overlay.services), garbage)
    nodes = cluster.listed("v1", "Node")
    others = [each for each in cluster.listed("v1", "Pod") if each["metadata"]["namespace"] != NAMESPACE]
    yield from pod_findings(nodes, len(others), always_on(overlay, len(nodes)).pods)


def service_finding(ranges: Iterable[Object], services: Iterable[Object], count: int, garbage: Mapping[str, str]) -> Finding:
    """`ranges`: ServiceCIDRs. `services`: all of the cluster. `count`: of Knative Services in the overlay. `garbage`: the data of config-gc."""
    total = sum(_size(cidr) for each in ranges for cidr in each["spec"]["cidrs"][:1])
    if not total:
        return Finding(CHECK, Level.NOTE, "of Services not checked: the API names no range (ServiceCIDR, from Kubernetes 1.33 on)")
    addressed = [each for each in services if each["spec"].get("clusterIP") not in (None, "", "None")]
    free = total - sum(each["metadata"]["namespace"] != NAMESPACE for each in addressed)
    kept = kept_revisions(garbage)
    once, with_kept = PER_REVISION * count, PER_REVISION * count * (1 + kept)
    details = (
        f"{count} Services: {once} addresses a release, {with_kept} with {kept} former Revisions of each",
        f"{free} of {total} are free",
    )
    if free < 2 * once:
        remedy = f"Add a ServiceCIDR, or one Service per context: {GROUPED}"
        return Finding(
            CHECK, Level.FAULT, f"{free} addresses of Services are free, {2 * once} are needed: two releases side by side", remedy, details
        )
    if free < with_kept:
        patch = '{"data": {"min-non-active-revisions": "2", "max-non-active-revisions": "5"}}'
        remedy = f"Keep fewer former Revisions: kubectl -n knative-serving patch configmap config-gc -p '{patch}'"
        summary = f"after {free // once} releases no address of a Service is free: {free} now, {once} a release, and Knative keeps {kept} former ones"
        return Finding(CHECK, Level.WARNING, summary, remedy, details)
    return Finding(CHECK, Level.GOOD, f"{free} of Services are free, {with_kept} are needed with {kept} former Revisions", details=details)


def kept_revisions(garbage: Mapping[str, str]) -> int:
    """How many former Revisions of a Service remain when many releases followed each other slowly."""
    least, most = (garbage.get(name, DEFAULT_IDLE[name]) for name in (MIN_IDLE, MAX_IDLE))
    return min(int(each) for each in (least, most) if each != DISABLED) if (least, most) != (DISABLED, DISABLED) else int(DEFAULT_IDLE[MIN_IDLE])


def pod_findings(nodes: Iterable[Object], others: int, idle: int) -> Iterator[Finding]:
    """`others`: pods that are not the platform's. `idle`: the platform's that always run.

    A node's range counts where Kubernetes assigns one (`spec.podCIDRs`); a network plugin may have addresses of its own, so too few are a warning.
    """
    usable = [each for each in nodes if is_usable(each)]
    small = [each for each in usable if (size := pod_addresses(each)) is not None and size < _pods(each)]
    if not small:
        return
    room = sum(_pods(each) if (size := pod_addresses(each)) is None else min(size, _pods(each)) for each in usable)
    if room >= others + idle:
        return
    first = small[0]
    summary = f"the ranges of the nodes have room for {room} pods, {others + idle} are needed"
    detail = f"{first['metadata']['name']} takes {_pods(first)} pods, and its range {_cidrs(first)[0]} has {pod_addresses(first)} addresses"
    remedy = "Larger ranges (--node-cidr-mask-size of the controller manager), more nodes, or addresses that the network plugin manages itself."
    yield Finding(CHECK, Level.WARNING, f"{summary}: {detail}", remedy)


def pod_addresses(node: Object) -> int | None:
    """Addresses of a node's range; None where Kubernetes assigns none."""
    cidrs = _cidrs(node)
    return _size(cidrs[0]) if cidrs else None


def _cidrs(node: Object) -> list[str]:
    spec = node.get("spec") or {}
    return list(spec.get("podCIDRs") or ([spec["podCIDR"]] if spec.get("podCIDR") else []))


def _pods(node: Object) -> int:
    return int(((node.get("status") or {}).get("allocatable") or {}).get("pods", 110))


def _size(cidr: str) -> int:
    return max(ipaddress.ip_network(cidr, strict=False).num_addresses - RESERVED, 0)
