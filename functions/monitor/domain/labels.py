"""Whose a pod is: what its labels and namespace say about what it writes and what it serves."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from functions.monitor.domain.intake import bounded

PLATFORM = "capsule"
"""The namespace of the platform's own functions. Only what comes from there, and is no application's, may write the timeline."""

PLATFORM_ID = UUID(int=0)
"""Under this application's id lines and figures of the platform's own functions are kept; nobody owns it, admins read it."""

APPLICATION = "capsule.dev/application"
SERVICE = "serving.knative.dev/service"
ENVIRONMENT = "capsule.dev/environment"
DEPLOYMENT = "capsule.dev/deployment"
COMPONENT = "capsule.dev/component"


@dataclass(frozen=True, slots=True)
class Workload:
    """Something of an application: a build of it, or an instance that runs."""

    application_id: UUID
    environment: str
    deployment_id: UUID | None
    component: str


def workload_of(labels: Mapping[str, str]) -> Workload | None:
    """None if it is no application's. What a label says wrongly must not cost the lines of others, so it counts as not said."""
    application_id = _uuid(labels.get(APPLICATION))
    if application_id in (None, PLATFORM_ID):
        return None
    component = "build" if labels.get(COMPONENT) == "build" else "run"
    return Workload(application_id, bounded(labels.get(ENVIRONMENT, "")), _uuid(labels.get(DEPLOYMENT)), component)


def service_of(labels: Mapping[str, str]) -> str:
    """The Knative Service that a pod belongs to; of the platform's own, the function's name with dashes."""
    return bounded(labels.get(SERVICE) or labels.get("app.kubernetes.io/name", ""))


def is_platform(namespace: str, labels: Mapping[str, str]) -> bool:
    return namespace == PLATFORM and APPLICATION not in labels


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
