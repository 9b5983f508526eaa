"""Names that the operator must choose: the image, public addresses, the domain of applications, DNS."""

import socket
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from functions.runtime.config.variables import DASHBOARD_URL, PUBLIC_URL
from knative.cluster.connection import ClusterApi
from knative.cluster.overlay import PLACEHOLDER_IMAGES, Object, Overlay
from knative.machine.doctor.finding import Finding, Level

SERVING = "knative-serving"
DOMAINS, NETWORK = "config-domain", "config-network"
EXAMPLE = ("example.com", "example.org", "example.net")
"""RFC 2606."""
CLAIMS = "autocreate-cluster-domain-claims"
IGNORED = ("_example", "svc.cluster.local")


def check_image(_: ClusterApi, overlay: Overlay) -> Iterator[Finding]:
    yield image_finding(overlay.image)


def image_finding(image: str) -> Finding:
    if image.startswith(PLACEHOLDER_IMAGES):
        remedy = "Build and push it, then name it in the overlay under images: docs/cluster.md"
        return Finding("image", Level.FAULT, f"{image} is a placeholder", remedy)
    if "@sha256:" not in image:
        return Finding("image", Level.NOTE, f"{image}, by a tag: Knative resolves it once for each revision")
    return Finding("image", Level.GOOD, image)


def check_placeholders(_: ClusterApi, overlay: Overlay) -> Iterator[Finding]:
    mappings = [each["metadata"]["name"] for each in overlay.of_kind("DomainMapping", "ClusterDomainClaim")]
    yield from placeholder_findings(overlay.settings, mappings)


def placeholder_findings(settings: Mapping[str, str], mappings: list[str]) -> Iterator[Finding]:
    """Settings and DomainMappings with the names of RFC 2606, which belong to nobody."""
    examples = [name for name, value in settings.items() if _is_example(value)]
    if examples:
        yield Finding("names", Level.FAULT, f"example names in settings.yaml: {', '.join(examples)}", "Write your own names there.")
    if hosts := sorted({each for each in mappings if _is_example(each)}):
        yield Finding("names", Level.FAULT, f"example names in domain.yaml: {', '.join(hosts)}", "Write your own names there.")
    if not examples and not hosts:
        yield Finding("names", Level.GOOD, settings.get(PUBLIC_URL.name) or "no public address in settings.yaml")


def _is_example(text: str) -> bool:
    return any(each in text for each in EXAMPLE)


def check_domain(cluster: ClusterApi, overlay: Overlay) -> Iterator[Finding]:
    found = {name: _config(cluster, overlay, name) for name in (DOMAINS, NETWORK)}
    claims = {each["metadata"]["name"] for each in overlay.of_kind("ClusterDomainClaim")}
    mapped = {each["metadata"]["name"] for each in overlay.of_kind("DomainMapping")}
    yield from domain_findings(found[DOMAINS], found[NETWORK], mapped - claims)


def domain_findings(domains: Mapping[str, str], network: Mapping[str, str], unclaimed: set[str]) -> Iterator[Finding]:
    """`domains`, `network`: the data of config-domain and config-network. `unclaimed`: DomainMappings without a ClusterDomainClaim."""
    own = [name for name in domains if name not in IGNORED]
    command = f"kubectl -n {SERVING} patch configmap {DOMAINS} -p '" + '{"data": {"apps.YOUR-DOMAIN": ""}}' + "'"
    if not own:
        yield Finding("domain", Level.FAULT, f"{DOMAINS} has no domain: applications would be at svc.cluster.local", command)
    elif examples := [name for name in own if _is_example(name)]:
        yield Finding("domain", Level.FAULT, f"{DOMAINS} has {', '.join(examples)}", command)
    else:
        yield Finding("domain", Level.GOOD, f"applications are at {', '.join(own)}")
    if unclaimed and network.get(CLAIMS) != "true":
        remedy = f"Add a ClusterDomainClaim for each, or set {CLAIMS} in {NETWORK}."
        yield Finding("domain", Level.FAULT, f"no ClusterDomainClaim for {', '.join(sorted(unclaimed))}", remedy)


def check_dns(_: ClusterApi, overlay: Overlay) -> Iterator[Finding]:
    hosts = [urlsplit(overlay.settings.get(name, "")).hostname for name in (PUBLIC_URL.name, DASHBOARD_URL.name)]
    for host in [each for each in hosts if each and not _is_example(each)]:
        yield dns_finding(host, _addresses(host))


def dns_finding(host: str, addresses: list[str]) -> Finding:
    if not addresses:
        remedy = f"Point it at the cluster's ingress: kubectl get services -A | grep LoadBalancer; then A, AAAA or CNAME of {host}"
        return Finding("dns", Level.WARNING, f"{host} has no address", remedy)
    return Finding("dns", Level.GOOD, f"{host} is {', '.join(addresses[:3])}")


def _addresses(host: str) -> list[str]:
    try:
        return sorted({str(each[4][0]) for each in socket.getaddrinfo(host, 443, proto=socket.IPPROTO_TCP)})
    except OSError:
        return []


def _config(cluster: ClusterApi, overlay: Overlay, name: str) -> dict[str, str]:
    """The data of a ConfigMap of Knative Serving: the overlay's, over that of the cluster."""
    reference: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": SERVING}}
    present = cluster.present(reference) or {}
    own = next((each for each in overlay.of_kind("ConfigMap") if each["metadata"]["name"] == name), {})
    return {**(present.get("data") or {}), **(own.get("data") or {})}
