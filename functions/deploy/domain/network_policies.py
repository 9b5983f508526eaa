"""The NetworkPolicies of an application's namespace: nothing is allowed but what builds and instances need, each in a policy of its own.

    capsule      every pod: no traffic in, DNS out. What the others allow is added to it.
    builds       build and inspection Jobs: public addresses, and the private hosts that settings name (git servers, registries,
                 mirrors, proxies). No traffic in.
    instances    everything else that runs: requests from the ingress, the collector's to queue-proxies, public addresses,
                 the servers that data services share, and the application's own ones.

Both may reach the private networks that the operator opened (CAPSULE_EGRESS_ALLOW). A policy knows addresses, not names, and a
Service's address is replaced by a pod's before policies are applied: so a host inside the cluster is allowed by its namespace,
and any other by the addresses that it had when the policy was rendered, at the beginning of each deployment.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from functions.deploy.domain.manifests import APPLICATION
from functions.wire.addresses import PRIVATE, SPECIAL, is_public, parse_address

Rule = dict[str, Any]

SYSTEM = ("knative-serving", "kourier-system", "istio-system", "contour-external", "contour-internal")
"""Namespaces of Knative and of its ingresses."""
COLLECTOR = "capsule-collector"
"""The namespace of the collector, which reads requests from queue-proxies. Defined in knative/components/collector."""
QUEUE_PROXY_METRICS = [{"protocol": "TCP", "port": 9091}]
DATA_SERVICE = "capsule.dev/data-service"
"""Label of the namespace of a data service with a server of its own (`service_tenancy`), with the name of its database or Redis."""
POSTGRES_PORT, REDIS_PORT = 5432, 6379
BUILDS = ("build", "inspection")
"""Components (`capsule.dev/component`) with pods that fetch sources and packages."""
NODE_LOCAL_DNS = "169.254.20.10/32"
"""NodeLocal DNSCache, where a cluster has it: https://kubernetes.io/docs/tasks/administer-cluster/nodelocaldns/"""
CLUSTER_HOST = re.compile(r"(?:[a-z0-9-]+\.)*(?P<namespace>[a-z0-9-]+)\.svc(?:\.cluster\.local)?")
NEVER = tuple(map(ipaddress.IPv4Network, (*SPECIAL, "127.0.0.0/8")))


@dataclass(frozen=True, slots=True)
class Egress:
    """What pods may reach beside public addresses. `networks`: in CIDR notation, for all. `builds`, `instances`: hosts → addresses, as resolved."""

    networks: Sequence[str] = ()
    builds: Mapping[str, Sequence[str]] = field(default_factory=dict)
    instances: Mapping[str, Sequence[str]] = field(default_factory=dict)


def host_of(value: str) -> str | None:
    """Return the host in a setting: `host`, `host:port`, an image prefix with a registry, or a URL. None if it names none."""
    text = value.strip()
    try:
        host = urlsplit(text if "://" in text else f"//{text}").hostname
    except ValueError:
        return None
    return host.rstrip(".") if host and ("." in host or ":" in host) else None


def is_in_cluster(host: str) -> bool:
    return CLUSTER_HOST.fullmatch(host) is not None


def network_policies(component_label: str, egress: Egress, application_id: UUID) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    """Return (name, spec) of each policy. The one that denies is the last, so that a running application never lacks what it has."""
    are_builds = {"key": component_label, "operator": "In", "values": list(BUILDS)}
    are_instances = {**are_builds, "operator": "NotIn"}
    outside = _to(*_everywhere(), *({"ipBlock": {"cidr": each}} for each in egress.networks))
    system = {"namespaceSelector": {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": [*SYSTEM]}]}}
    collector = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": COLLECTOR}}}
    requests: list[Rule] = [{"from": [system]}, {"from": [collector], "ports": QUEUE_PROXY_METRICS}]
    return (
        ("instances", _spec({"matchExpressions": [are_instances]}, requests, [outside, _own_services(application_id), *_hosts(egress.instances)])),
        ("builds", _spec({"matchExpressions": [are_builds]}, [], [outside, *_hosts(egress.builds)])),
        ("capsule", _spec({}, [], [allow_dns()])),
    )


def _spec(pods: Rule, ingress: list[Rule], egress: list[Rule]) -> Mapping[str, Any]:
    return {"podSelector": pods, "policyTypes": ["Ingress", "Egress"], "ingress": ingress, "egress": egress}


def allow_dns() -> Rule:
    system = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
    ports = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    return {**_to(system, {"ipBlock": {"cidr": NODE_LOCAL_DNS}}), "ports": ports}


def _own_services(application_id: UUID) -> Rule:
    services = {"matchLabels": {APPLICATION: str(application_id)}, "matchExpressions": [{"key": DATA_SERVICE, "operator": "Exists"}]}
    return {"to": [{"namespaceSelector": services}], "ports": ports(POSTGRES_PORT, REDIS_PORT)}


def ports(*numbers: int) -> list[Rule]:
    return [{"protocol": "TCP", "port": each} for each in numbers]


def _everywhere() -> tuple[Rule, ...]:
    blocks = ({"cidr": "0.0.0.0/0", "except": [*PRIVATE, *SPECIAL]}, {"cidr": "::/0", "except": ["fc00::/7", "fe80::/10"]})
    return tuple({"ipBlock": each} for each in blocks)


def _hosts(addresses: Mapping[str, Sequence[str]]) -> list[Rule]:
    """One rule for all private hosts; none without any."""
    found = dict(addresses)
    namespaces = sorted({match["namespace"] for host in found if (match := CLUSTER_HOST.fullmatch(host))})
    selected: list[Rule] = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": each}}} for each in namespaces]
    outside = (each for host, known in sorted(found.items()) if not is_in_cluster(host) for each in sorted(known))
    blocks: list[Rule] = [{"ipBlock": {"cidr": each}} for each in dict.fromkeys(_private_blocks(outside))]
    return [_to(*selected, *blocks)] if selected or blocks else []


def _private_blocks(addresses: Iterable[str]) -> Iterable[str]:
    """Public addresses are open anyway. Loopback and what an operator cannot allow stay closed."""
    for text in addresses:
        address = parse_address(text)
        if address is None or is_public(address):
            continue
        if isinstance(address, ipaddress.IPv4Address) and not any(address in network for network in NEVER):
            yield f"{address}/32"
        elif isinstance(address, ipaddress.IPv6Address) and address.is_private and not address.is_loopback:
            yield f"{address}/128"


def _to(*destinations: Rule) -> Rule:
    return {"to": list(destinations)}
