"""Names and addresses as Knative gives them (pure)."""

from collections.abc import Mapping
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
