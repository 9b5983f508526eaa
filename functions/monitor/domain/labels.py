"""The owner of a pod, by its labels and namespace."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from functions.monitor.domain.sanitizing import bounded

PLATFORM = "capsule"
"""The namespace of the platform's functions. Only pods there that belong to no application write the timeline."""

PLATFORM_ID = UUID(int=0)
"""The application id under which logs and metrics of the platform's functions are stored. Admins read it."""

APPLICATION = "capsule.dev/application"
SERVICE = "serving.knative.dev/service"
ENVIRONMENT = "capsule.dev/environment"
DEPLOYMENT = "capsule.dev/deployment"
RUN = "capsule.dev/run"
COMPONENT = "capsule.dev/component"
PROCESS = "capsule.dev/process"


@dataclass(frozen=True, slots=True)
class Workload:
    """A build or a running instance of an application."""

    application_id: UUID
    environment: str
    deployment_id: UUID | None
    """Of a one-off command: its own id."""
    component: str
    process: str = ""
    """The process type: web, worker …; build, release, run or cron for what is no process of the Procfile."""


def workload_of(labels: Mapping[str, str]) -> Workload | None:
    """None for a pod that belongs to no application. An invalid label counts as missing: it must not fail the batch."""
    application_id = _uuid(labels.get(APPLICATION))
    if application_id in (None, PLATFORM_ID):
        return None
    component = "build" if labels.get(COMPONENT) == "build" else "run"
    process = bounded(labels.get(PROCESS) or labels.get(COMPONENT, ""))
    return Workload(application_id, bounded(labels.get(ENVIRONMENT, "")), _uuid(labels.get(DEPLOYMENT) or labels.get(RUN)), component, process)


def service_of(labels: Mapping[str, str]) -> str:
    """The Knative Service that a pod belongs to; of the platform's own, the function's name with dashes."""
    return bounded(labels.get(SERVICE) or labels.get("app.kubernetes.io/name", ""))


def is_platform(namespace: str, labels: Mapping[str, str]) -> bool:
    return namespace == PLATFORM and APPLICATION not in labels


@lru_cache(maxsize=10_000)
def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
