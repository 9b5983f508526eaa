"""What the deploy context's use cases need of the world."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from functions.deploy.domain.application import Application, Quota
from functions.deploy.domain.deployment import Awaited, Deployment, Observation
from functions.deploy.domain.manifests import Manifest
from functions.deploy.domain.release import Release
from functions.kernel import Permanent, Transient


class Quotas(Protocol):
    async def grant(self, quota: Quota) -> None:
        """Keeps the quota, unless its user has one."""
        ...

    async def set(self, quota: Quota) -> None:
        """What the user may run from now on; what is used stays counted."""
        ...

    async def find(self, user_id: UUID) -> Quota | None: ...

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


class Releases(Protocol):
    async def add(self, release: Release) -> Release:
        """Keeps it and gives it its number."""
        ...

    async def get(self, release_id: UUID) -> Release: ...

    async def numbers(self, release_ids: Sequence[UUID]) -> Mapping[UUID, int]: ...


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

    async def quiet(self, since: datetime, limit: int) -> Sequence[Deployment]:
        """Running ones that have not moved since then."""
        ...

    async def last_good(self, application_id: UUID, environment: str) -> Deployment | None:
        """The last that succeeded there: what serves, or served."""
        ...

    async def latest(self, application_id: UUID) -> Sequence[Deployment]:
        """Of each environment the newest, running or not."""
        ...

    async def page(self, application_id: UUID, *, before: UUID | None, limit: int) -> Sequence[Deployment]:
        """Newest first, without their steps."""
        ...


class ClusterAway(Transient):
    """The cluster does not answer, or says that it cannot just now."""


class ClusterRefused(Permanent):
    """The cluster has read what we want and will not have it."""


class Cluster(Protocol):
    """A Kubernetes with Knative. Every call bears being repeated. Raises ClusterAway, ClusterRefused."""

    async def apply(self, *objects: Manifest) -> None:
        """Server-side apply, in this order."""
        ...

    async def observe(self, awaited: Awaited) -> Observation | None:
        """What the object says about the deployment; None while there is nothing to decide."""
        ...

    async def replace_service(self, awaited: Awaited, manifest: Manifest | None) -> None:
        """Puts the manifest (None: nothing) in the place of this deployment's Service, unless another deployment has taken the place."""
        ...

    async def remove_job(self, namespace: str, name: str) -> None: ...

    async def remove_namespace(self, name: str, application_id: UUID) -> None:
        """With all that is in it, unless it is another application's. Raises ClusterAway while something of it is left."""
        ...


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """How this installation builds: the operator's Job template, where images are named, and the variables that builds may see."""

    template: Mapping[str, Any]
    images: str
    environment: Mapping[str, str]


class Builds(Protocol):
    def settings(self) -> BuildSettings: ...


class Housekeeping(Protocol):
    async def sweep(self) -> None:
        """What the runtime keeps in this context's database: unsent events, old inbox rows. Opens its own transactions."""
        ...
