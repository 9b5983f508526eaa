"""Names and addresses as Knative gives them (pure)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

VISIBILITY = "networking.knative.dev/visibility"
STOPPED = "capsule.dev/stopped"
"""Annotation of a Service."""
STOP_MESSAGES = {
    "true": "This application is stopped. Its owner can start it with `capsule start`.",
    "subscription-suspended": "This application is paused: the subscription of its owner is suspended. Its owner: see `capsule quota`.",
    "usage-exhausted": "This application is paused: all that the plan of its owner includes in this period is used. "
    "It runs again in the next period or on a larger plan. Its owner: see `capsule quota`.",
    "over-quota": "This application is paused: its owner runs more than the plan allows. Its owner: see `capsule quota`.",
}
"""By the annotation's value: stopped by its user, or the restriction of the account."""
MAINTENANCE = "capsule.dev/maintenance"
"""Annotation of a Service, JSON: `message`, `retryAfterSeconds`."""
WAKING_PAGE = "capsule.dev/waking-page"
"""Annotation of a Service."""
DATA_SERVICES = "capsule.dev/data-services"
"""Annotation of a pod: kinds of the data services that it is bound to, separated by commas. Only deploy writes pods of tenants."""
POSTGRES_PORT = 5432
"""Of a pod's own loopback, where it reaches the server of the databases."""
REDIS_PORT = 6379
"""Of a pod's own loopback, where it reaches Redis services."""
DEFAULT_RETRY_AFTER_SECONDS = 300
DEFAULT_DOMAIN = "localhost"
DEFAULT_TEMPLATE = "{{.Name}}.{{.Namespace}}.{{.Domain}}"
DEFAULT_TAG_TEMPLATE = "{{.Tag}}-{{.Name}}"


def revision_name(configuration: str, generation: int, template_name: str | None = None) -> str:
    return template_name or f"{configuration}-{generation:05d}"


def is_private(labels: Mapping[str, str] | None) -> bool:
    return (labels or {}).get(VISIBILITY) == "cluster-local"


def is_stopped(annotations: Mapping[str, str] | None) -> bool:
    """Return whether Capsule has stopped the Service: it has no pods, and its host answers 503."""
    return stop_message(annotations) is not None


def stop_message(annotations: Mapping[str, str] | None) -> str | None:
    """Return what visitors of a stopped Service read; None if it is not stopped."""
    return STOP_MESSAGES.get((annotations or {}).get(STOPPED, ""))


def has_waking_page(annotations: Mapping[str, str] | None) -> bool:
    """Return whether a browser that has to wait for an instance gets a page meanwhile."""
    return (annotations or {}).get(WAKING_PAGE) == "true"


@dataclass(frozen=True, slots=True)
class Maintenance:
    """What visitors of a Service in maintenance get. `message`: None is a general sentence."""

    message: str | None
    retry_after_seconds: int


def maintenance_of(annotations: Mapping[str, str] | None) -> Maintenance | None:
    """Return the maintenance of a Service; None: visitors reach it."""
    text = (annotations or {}).get(MAINTENANCE)
    if text is None:
        return None
    try:
        page = json.loads(text)
        return Maintenance(page["message"], int(page["retryAfterSeconds"]))
    except (ValueError, TypeError, KeyError):  # written by hand with kubectl: it still says that visitors are to be kept away
        return Maintenance(None, DEFAULT_RETRY_AFTER_SECONDS)


def keeps_address(annotations: Mapping[str, str] | None) -> bool:
    """Return whether the host stays although the Service is cluster-local: Capsule hides it, and the ingress answers in its place."""
    return is_stopped(annotations) or MAINTENANCE in (annotations or {})


def internal_host(name: str, namespace: str) -> str:
    return f"{name}.{namespace}.svc.cluster.local"


def domain_for(labels: Mapping[str, str], config_domain: Mapping[str, str]) -> str:
    """Return the domain of the most specific matching selector in config-domain.

    A key of config-domain is a domain; its value may hold a selector in YAML (`selector:\\n  app: x`). The domain without a selector is the default.
    """
    chosen, best = DEFAULT_DOMAIN, -1
    for domain, text in sorted(config_domain.items()):
        if domain.startswith("_"):
            continue
        selector = _selector(text)
        if selector.items() <= labels.items() and len(selector) > best:
            chosen, best = domain, len(selector)
    return chosen


def _selector(text: str) -> dict[str, str]:
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line and not line.strip().startswith("selector"))
    return {key.strip(): value.strip().strip("\"'") for key, value in pairs}


def public_host(name: str, namespace: str, domain: str, config_network: Mapping[str, str]) -> str:
    """Return the host by config-network's domain-template, a Go template over Name, Namespace and Domain."""
    template = config_network.get("domain-template", DEFAULT_TEMPLATE)
    for field, value in (("Name", name), ("Namespace", namespace), ("Domain", domain)):
        template = template.replace("{{." + field + "}}", value)
    return template.strip()


def tagged_name(tag: str, name: str, config_network: Mapping[str, str]) -> str:
    """Return the name of a tagged target by config-network's tag-template."""
    template = config_network.get("tag-template", DEFAULT_TAG_TEMPLATE)
    return template.replace("{{.Tag}}", tag).replace("{{.Name}}", name).strip()


def url(host: str, port: int, *, is_https: bool = False) -> str:
    scheme, default_port = ("https", 443) if is_https else ("http", 80)
    return f"{scheme}://{host}" if port == default_port else f"{scheme}://{host}:{port}"


def traffic_of(service: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = service.get("spec", {}).get("traffic") or [{"latestRevision": True, "percent": 100}]
    return found
