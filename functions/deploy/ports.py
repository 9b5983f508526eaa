"""What the deploy context's use cases need of the world."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from functions.deploy.domain.application import Application, Quota
from functions.deploy.domain.configuration import Change, Entry
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.environment import Environment
from functions.deploy.domain.manifests import Manifest
from functions.deploy.domain.observation import Observation
from functions.deploy.domain.release import Release
from functions.deploy.domain.status import Awaited
from functions.kernel import Permanent, Transient


class Quotas(Protocol):
    async def grant(self, quota: Quota) -> None:
        """Keeps the quota, unless its user has one."""
        ...

    async def set(self, quota: Quota) -> None:
        """What the user may run from now on; what is used stays counted."""
        ...

    async def find(self, user_id: UUID) -> Quota | None: ...

    async def take_memory(self, application: Application, environment: str, mib: int, otherwise: Quota) -> None:
        """This environment takes so much of its owner's memory, in the place of what it has taken before. Raises MemoryQuotaExceeded, unless it is no
        more than before."""
        ...

    async def give_memory_back(self, application_id: UUID, environment: str | None = None) -> None:
        """Of one environment, or of all of the application's."""
        ...

    async def give_back(self, user_id: UUID) -> None:
        """One application less is used."""
        ...


class Applications(Protocol):
    async def add(self, application: Application, otherwise: Quota) -> None:
        """Takes one application of its owner's quota (of `otherwise`, if none is granted yet) and keeps it. Raises
        ApplicationQuotaExceeded, ApplicationNameTaken."""
        ...

    async def get(self, application_id: UUID) -> Application:
        """Raises ApplicationNotFound."""
        ...

    async def locked(self, application_id: UUID) -> Application:
        """As `get`, and nobody else changes it in this transaction's time."""
        ...

    async def save(self, application: Application) -> None: ...

    async def page(self, user_id: UUID, *, before: UUID | None, limit: int) -> Sequence[Application]:
        """The user's active applications, newest first."""
        ...


class Environments(Protocol):
    """Staging and production are there before anything is kept of them."""

    async def add(self, environment: Environment) -> None:
        """Raises EnvironmentNameTaken. One that was deleted is made anew."""
        ...

    async def get(self, application: Application, name: str) -> Environment:
        """Raises EnvironmentNotFound."""
        ...

    async def save(self, environment: Environment) -> None: ...

    async def all(self, application: Application) -> Sequence[Environment]:
        """By name, without those that are deleted."""
        ...


class Configurations(Protocol):
    async def at(self, application_id: UUID, version: int) -> Sequence[Entry]:
        """Of all scopes, as they were when that version was the newest."""
        ...

    async def change(self, application_id: UUID, scope: str, change: Change, version: int, at: datetime) -> None:
        """What is set counts from this version on; what was there ends with it."""
        ...


class Vault(Protocol):
    """Seals secrets for storage and opens them, with this context's own key."""

    def seal(self, secret: str) -> str: ...
    def open(self, sealed: str) -> str: ...


class Releases(Protocol):
    async def add(self, release: Release) -> Release:
        """Keeps it and gives it its number."""
        ...

    async def get(self, release_id: UUID) -> Release: ...

    async def numbered(self, application_id: UUID, number: int) -> Release:
        """Raises ReleaseNotFound."""
        ...

    async def page(self, application_id: UUID, *, before: int | None, limit: int) -> Sequence[Release]:
        """Newest first; `before`: a number."""
        ...


class Deployments(Protocol):
    async def add(self, deployment: Deployment) -> None:
        """Raises DeploymentInProgress."""
        ...

    async def get(self, deployment_id: UUID) -> Deployment:
        """Raises DeploymentNotFound."""
        ...

    async def locked(self, deployment_id: UUID) -> Deployment: ...

    async def save(self, deployment: Deployment) -> None:
        """Compare-and-set by version; nothing to do if it has not moved. Raises Transient if the row has changed since it was read."""
        ...

    async def awaiting(self, kind: str, namespace: str, name: str) -> Deployment | None:
        """The running deployment whose next move this object decides."""
        ...

    async def running_of(self, application_id: UUID) -> Sequence[Deployment]:
        """Locked, as `locked`."""
        ...

    async def stuck(self, since: datetime, limit: int) -> Sequence[Deployment]:
        """Running ones whose reminder was due before then, the longest first."""
        ...

    async def last_good(self, environment: Environment) -> Deployment | None:
        """The last that succeeded there since the environment was made: what serves."""
        ...

    async def last_good_before(self, environment: Environment, release: int) -> Deployment | None:
        """The last that succeeded there with a release of a lower number."""
        ...

    async def observed(self) -> Sequence[Deployment]:
        """Those whose release is being observed, without their steps."""
        ...

    async def answered(self, deployment_id: UUID, requests: int, errors: int) -> tuple[int, int]:
        """Adds to what its release has answered while it is observed; gives the sums."""
        ...

    async def latest(self, application_id: UUID) -> Sequence[Deployment]:
        """Of each environment the newest, running or not."""
        ...

    async def page(self, application_id: UUID, *, before: UUID | None, limit: int) -> Sequence[Deployment]:
        """Newest first, without their steps."""
        ...


class ClusterUnavailable(Transient):
    """The cluster does not answer, or says that it cannot just now."""


class ClusterRefused(Permanent):
    """The cluster has read what we want and will not have it."""


class Cluster(Protocol):
    """A Kubernetes with Knative. Every call bears being repeated. Raises ClusterUnavailable, ClusterRefused."""

    async def apply(self, *objects: Manifest) -> None:
        """Server-side apply, in this order."""
        ...

    async def observe(self, awaited: Awaited) -> Observation | None:
        """What the object says about the deployment; None while there is nothing to decide."""
        ...

    async def replace_service(self, awaited: Awaited, manifest: Manifest | None, pinned: str | None = None) -> None:
        """Puts the manifest (None: nothing) in the place of this deployment's Service, unless another deployment has taken the place. `pinned`: the
        earlier revision that gets the traffic at once, if it is still there."""
        ...

    async def remove_job(self, namespace: str, name: str) -> None: ...

    async def remove_environment(self, namespace: str, service: str, application_id: UUID, environment: str) -> None:
        """Its Service and its Secrets."""
        ...

    async def remove_namespace(self, name: str, application_id: UUID) -> None:
        """With all that is in it, unless it is another application's. Raises ClusterUnavailable while something of it is left."""
        ...


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """How this installation builds: the operator's Job template, where images are named, and the variables that builds may see."""

    template: Mapping[str, Any]
    images: str
    environment: Mapping[str, str]
    egress_allow: Sequence[str] = ()
    """Private networks that builds and applications reach, in CIDR notation."""


class Builds(Protocol):
    def settings(self) -> BuildSettings: ...


class Housekeeping(Protocol):
    async def sweep(self) -> None:
        """What the runtime keeps in this context's database: unsent events, old inbox rows. Opens its own transactions."""
        ...
