"""What the use cases of deploy need from the cluster and the installation's builds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from functions.deploy.domain.autoscaling_readings import AutoscalerReading
from functions.deploy.domain.deployment import WatchedObject
from functions.deploy.domain.function_instances import FunctionService
from functions.deploy.domain.inspection import Outcome
from functions.deploy.domain.instances import Instance
from functions.deploy.domain.manifests import Manifest
from functions.deploy.domain.network_policies import Egress
from functions.deploy.domain.observation import Observation, ServiceFailed
from functions.deploy.domain.process_scaling import ScalingReading
from functions.deploy.domain.run import RunOutcome
from functions.deploy.domain.workloads import Workloads
from functions.kernel import Permanent, Transient


class ClusterUnavailable(Transient):
    """The cluster does not respond, or reports that it is temporarily unavailable."""


class ClusterRefused(Permanent):
    """The cluster rejected the request."""


class FunctionServices(Protocol):
    """Where the platform's own functions run. Raises ClusterUnavailable, ClusterRefused.

    A port of its own: whoever only reads these gets an account that may do nothing else.
    """

    async def list_functions(self) -> list[FunctionService]:
        """The Services that carry the platform's functions, by name, with their instances."""
        ...


class Cluster(Protocol):
    """Kubernetes with Knative. Every call is idempotent. Raises ClusterUnavailable, ClusterRefused."""

    async def apply(self, *objects: Manifest) -> None:
        """Server-side apply, in this order."""
        ...

    async def apply_owned(self, owner: Manifest, owned: Manifest) -> None:
        """Apply two objects. The cluster deletes `owned` with `owner`.

        `owned` exists before `owner`, whose pods may mount it.
        """
        ...

    async def observe(self, watched: WatchedObject) -> Observation | None:
        """Read the object as an observation of its deployment; None while the outcome is open."""
        ...

    async def list_instances(self, namespace: str, service: str) -> list[Instance]:
        """The instances of a Service, oldest first; empty if nothing runs."""
        ...

    async def list_processes(self, workloads: Workloads) -> list[Instance]:
        """The instances of all process types beside web, oldest first."""
        ...

    async def replace_workloads(self, workloads: Workloads, *objects: Manifest) -> None:
        """Apply the Deployments, their autoscalers and the CronJobs of an environment, and delete its others.

        A Deployment without `replicas` keeps those that it has, within the range of its autoscaler.
        """
        ...

    async def list_autoscalers(self, workloads: Workloads) -> list[AutoscalerReading]:
        """What the autoscalers of the process types report."""
        ...

    async def read_scaling(self, namespace: str, deployment: str) -> ScalingReading | None:
        """The instances of a process type that an autoscaler decides about; None if none does."""
        ...

    async def observe_run(self, namespace: str, job: str) -> RunOutcome | None:
        """The outcome of a one-off command; None while it runs, or if its Job does not exist."""
        ...

    async def observe_inspection(self, namespace: str, job: str) -> Outcome | None:
        """The plan that the Job of an inspection has reported, or why it has none; None while it runs, or if it does not exist."""
        ...

    async def find_running_pod(self, namespace: str, job: str) -> str | None:
        """The pod of a one-off command whose container runs."""
        ...

    async def replace_service(self, watched: WatchedObject, manifest: Manifest | None, pinned_revision: str | None = None) -> None:
        """Replace the Service of this deployment with the manifest, or delete it (None). Does nothing if the Service
        belongs to another deployment.

        `pinned_revision`: an earlier revision that gets all traffic at once, if it still exists.
        """
        ...

    async def delete_job(self, namespace: str, name: str) -> None: ...

    async def delete_environment(self, namespace: str, service: str, application_id: UUID, environment: str) -> None:
        """Delete the Service and the Secrets of the environment."""
        ...

    async def delete_namespace(self, name: str, application_id: UUID) -> None:
        """Delete the namespace with its content, unless it belongs to another application. Raises ClusterUnavailable
        until it is gone."""
        ...


class ApplicationRequests(Protocol):
    async def find_failure(self, url: str, path: str) -> ServiceFailed | None:
        """Request a path of an application as its visitors do. Returns why it does not serve: an answer of 500 or above
        (failing-requests), or none (does-not-answer).

        None if it serves, and also if its URL cannot be reached from here: a cluster need not route to its own ingress.
        """
        ...


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """How this installation builds."""

    template: Mapping[str, Any]
    """The operator's build Job."""
    images: str
    """Prefix of image names."""
    environment: Mapping[str, str]
    """Variables of every build."""
    known_hosts: str = ""
    """Host keys of ssh servers that the operator pins for all applications: lines of known_hosts (sshd(8))."""
    registry: str = field(default="", repr=False)
    """The login to the registry of images: the content of a config.json of Docker. Empty: it needs none."""


class Networks(Protocol):
    async def egress(self) -> Egress:
        """What builds and applications may reach beside public addresses, by the settings, with the addresses that hosts have now."""
        ...


class Builds(Protocol):
    def settings(self) -> BuildSettings: ...
