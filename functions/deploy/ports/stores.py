"""What the use cases of deploy need from the database and the vault."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from functions.deploy.domain.application import Application
from functions.deploy.domain.configuration import Change, Entry
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.environment import Environment
from functions.deploy.domain.quota import ExhaustedMeter, Quota
from functions.deploy.domain.release import Release
from functions.deploy.domain.repository_access import RepositoryAccess
from functions.deploy.domain.standing import Standing
from functions.kernel import ApplicationAccess


class Quotas(Protocol):
    async def grant(self, quota: Quota) -> None:
        """Store the quota, unless its user has one."""
        ...

    async def set(self, quota: Quota) -> None:
        """Replace the plan, the limits and the suspension of the user. What is used, exhausted and announced stays.

        Does nothing for a deleted user.
        """
        ...

    async def close(self, user_id: UUID, at: datetime) -> None:
        """Allow a deleted user nothing, for good. Idempotent."""
        ...

    async def set_exhausted(self, user_id: UUID, exhausted: Sequence[ExhaustedMeter], renews_at: datetime) -> None:
        """Replace the meters of which all that the plan includes is used. The user has a quota."""
        ...

    async def save_standing(self, user_id: UUID, standing: Standing) -> None:
        """Replace what was announced. Callers hold the lock of the quota."""
        ...

    async def find(self, user_id: UUID) -> Quota | None: ...

    async def lock_restricted(self, user_ids: Collection[UUID]) -> Sequence[Quota]:
        """`lock` for several users, always in the same order. Returns the quotas that have a restriction: of nearly all batches none."""
        ...

    async def lock_both(self, first: UUID, second: UUID) -> tuple[Quota | None, Quota | None]:
        """`lock` for two users, always in the same order."""
        ...

    async def reserved_memory(self, application_id: UUID) -> int:
        """MiB that the environments of an application have reserved."""
        ...

    async def lock(self, user_id: UUID) -> Quota | None:
        """`find`, with the quota locked until the transaction ends. Lock applications first."""
        ...

    async def list_to_pause(self, due_before: datetime, limit: int) -> Sequence[UUID]:
        """Users with a grace period that ended before then and that are not paused yet."""
        ...

    async def reserve_memory(self, application: Application, environment: str, memory_mib: int, default_quota: Quota) -> None:
        """Set how much of the owner's memory this environment reserves. `default_quota` is granted first if the owner
        has none.

        Reserving no more than before always succeeds. Raises MemoryQuotaExceeded.
        """
        ...

    async def release_memory(self, application_id: UUID, environment: str | None = None) -> None:
        """Free the memory of one environment, or of all environments of the application."""
        ...

    async def release_application(self, user_id: UUID) -> None:
        """Count one application less as used."""
        ...


class Applications(Protocol):
    async def add(self, applications: Sequence[tuple[Application, Quota]]) -> None:
        """Count each application against its owner's quota and store it. With each, the default quota, which is granted first if the
        owner has none.

        Raises ApplicationQuotaExceeded, ApplicationNameTaken. Of several, for any of them, and ApplicationQuotaExceeded also for an owner who
        has no quota yet: roll back, and add each alone.
        """
        ...

    async def get(self, access: ApplicationAccess) -> Application:
        """Read an active application. Raises ApplicationNotFound, also for one of another team than that of the access."""
        ...

    async def lock(self, access: ApplicationAccess) -> Application:
        """`get`, with the row locked until the transaction ends."""
        ...

    async def get_any(self, application_id: UUID) -> Application:
        """Read an application for what follows from an event, where no caller is to be checked. Raises ApplicationNotFound."""
        ...

    async def lock_any(self, application_id: UUID) -> Application:
        """`get_any`, with the row locked until the transaction ends."""
        ...

    async def find_ownership(self, application_id: UUID) -> tuple[UUID, Collection[str]] | None:
        """The team that owns the application, whatever its state, and its protected environments."""
        ...

    async def lock_all(self, user_id: UUID) -> Sequence[Application]:
        """Read and lock the active applications of the user, oldest first."""
        ...

    async def save(self, application: Application) -> None:
        """Compare-and-set by version. Raises ApplicationNameTaken, and Transient if the row has changed since it was
        read."""
        ...

    async def transfer(self, application: Application, former_team_id: UUID) -> None:
        """Save an application with another owner, and count it against that one's quota. The quotas of both are locked. Raises as `save`."""
        ...

    async def page(self, team_ids: Collection[UUID], *, before: UUID | None, limit: int) -> Sequence[Application]:
        """Active applications of the teams, newest first."""
        ...

    async def erase_deleted(self, before: datetime, limit: int) -> int:
        """Delete the rows of applications that were deleted before that time: releases, deployments, configuration, runs. Returns the
        number of applications."""
        ...


class Environments(Protocol):
    """Staging and production exist before they have a row."""

    async def add(self, environment: Environment) -> None:
        """Replaces a deleted environment of this name. Raises EnvironmentNameTaken."""
        ...

    async def get(self, application: Application, name: str) -> Environment:
        """Raises EnvironmentNotFound, also for a deleted environment."""
        ...

    async def find(self, application_id: UUID, name: str) -> Environment | None:
        """An environment that has a row and is not deleted."""
        ...

    async def save(self, environment: Environment) -> None: ...

    async def list_all(self, application: Application) -> Sequence[Environment]:
        """By name, without deleted ones."""
        ...


class Configurations(Protocol):
    async def at(self, application_id: UUID, version: int) -> Sequence[Entry]:
        """Entries of all scopes in this version."""
        ...

    async def change(self, application_id: UUID, scope: str, change: Change, version: int, at: datetime) -> None:
        """End the changed and unset entries with this version, and create the new ones from it on."""
        ...

    async def replace_service_url(self, service_id: UUID, sealed: str) -> None:
        """Replace the value of every entry with the URL of a data service, in all versions."""
        ...


class RepositoryAccesses(Protocol):
    """Credentials of the applications' repositories."""

    async def get(self, application_id: UUID) -> RepositoryAccess:
        """Read what the application has; nothing of it before the first `save`."""
        ...

    async def save(self, access: RepositoryAccess) -> None:
        """Replace what is stored. Callers hold the lock of the application."""
        ...

    async def delete(self, application_id: UUID) -> None: ...


class DeployKeys(Protocol):
    def generate(self, comment: str) -> tuple[str, str]:
        """Create an Ed25519 key pair. Returns (line of authorized_keys with the comment, OpenSSH private key)."""
        ...


class Vault(Protocol):
    """Seals secrets with this context's public key, and opens them with its private key."""

    def seal(self, secret: str) -> str: ...
    def open(self, sealed: str) -> str: ...


class Releases(Protocol):
    async def add(self, release: Release) -> Release:
        """Store the release and return it with its number."""
        ...

    async def get(self, release_id: UUID) -> Release: ...

    async def get_by_number(self, application_id: UUID, number: int) -> Release:
        """Raises ReleaseNotFound."""
        ...

    async def page(self, application_id: UUID, *, before: int | None, limit: int) -> Sequence[Release]:
        """Newest first. `before`: a release number."""
        ...


class Deployments(Protocol):
    async def add(self, deployment: Deployment) -> None:
        """Raises DeploymentInProgress."""
        ...

    async def get(self, deployment_id: UUID) -> Deployment:
        """Raises DeploymentNotFound."""
        ...

    async def lock(self, deployment_id: UUID) -> Deployment:
        """Read and lock the row until the transaction ends. Raises DeploymentNotFound."""
        ...

    async def save(self, deployment: Deployment) -> None:
        """Compare-and-set by version; does nothing without a transition. Raises Transient if the row has changed since
        it was read."""
        ...

    async def find_by_object(self, kind: str, namespace: str, name: str) -> Deployment | None:
        """The running deployment that watches this cluster object."""
        ...

    async def lock_running(self, application_id: UUID) -> Sequence[Deployment]:
        """Running deployments of the application, locked until the transaction ends."""
        ...

    async def list_stuck(self, due_before: datetime, limit: int) -> Sequence[Deployment]:
        """Running deployments whose reminder was due before then, the longest overdue first."""
        ...

    async def find_serving(self, environment: Environment) -> Deployment | None:
        """The deployment that serves: the last that succeeded since the environment was created. Without its steps."""
        ...

    async def find_serving_before(self, environment: Environment, release: int) -> Deployment | None:
        """The last that succeeded there with a lower release number. Without its steps."""
        ...

    async def list_observed(self) -> Sequence[Deployment]:
        """Deployments under observation, without their steps."""
        ...

    async def add_traffic(self, deployment_id: UUID, requests: int, errors: int) -> tuple[int, int]:
        """Add requests and 5xx responses under observation. Returns both totals."""
        ...

    async def list_latest(self, application_id: UUID) -> Sequence[Deployment]:
        """The newest deployment of each environment, without their steps."""
        ...

    async def page(self, application_id: UUID, *, before: UUID | None, limit: int) -> Sequence[Deployment]:
        """Newest first, without their steps."""
        ...


class Housekeeping(Protocol):
    async def sweep(self) -> None:
        """Publish unsent events and delete old inbox rows of this context's database. Opens its own transactions."""
        ...
