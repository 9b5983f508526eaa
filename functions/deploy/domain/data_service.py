"""A data service of an application: a PostgreSQL database or a Redis of its own, or an external server that is known by its URL.

It is bound to environments: their configuration gets its URL as a secret. A deleted service keeps its data for `GRACE`.

States: creating → ready or failed; any of them → deleted → purging → purged. `deleted` returns to what it was by `undelete`.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self
from uuid import UUID

from events.data_services import (
    DataServiceCreated,
    DataServiceCredentialsExpired,
    DataServiceCredentialsRotated,
    DataServiceDeleted,
    DataServiceMeasurementRequested,
    DataServicePurgeRequested,
    DataServiceRequested,
    DataServiceRestored,
    DataServiceRotationRequested,
    DataServiceScaled,
    DataServiceScalingRequested,
    DataServiceStorageExceeded,
)
from functions.deploy.domain.application import Application
from functions.deploy.domain.data_service_rejections import DataServiceNotDeleted, DataServiceNotReady, InvalidDataService
from functions.deploy.domain.names import name_errors
from functions.deploy.domain.service_plans import PLANS, Plan, ServiceKind
from functions.deploy.domain.service_url import url_errors
from functions.kernel import Events, FieldError, after, new_id

GRACE = timedelta(days=7)
"""How long a deleted service keeps its data."""
OVERLAP = timedelta(hours=1)
"""How long the former credentials are valid after a rotation, at least."""
MEASUREMENTS = 9
"""In the ten minutes of a housekeeping, of a database that has more than half of its storage."""
MEASUREMENT_INTERVAL = timedelta(minutes=1)


class ServiceState(StrEnum):
    CREATING = "creating"
    READY = "ready"
    FAILED = "failed"
    DELETED = "deleted"
    PURGING = "purging"
    PURGED = "purged"


@dataclass(slots=True)
class DataService:
    id: UUID
    application_id: UUID
    name: str
    kind: ServiceKind
    plan: str
    requested_at: datetime
    state: ServiceState = ServiceState.CREATING
    generation: int = 1
    """Counts its credentials: the login of each generation has a name of its own."""
    sealed_password: str | None = None
    """Of the next generation, while it is being created."""
    sealed_url: str | None = None
    """The address with the credentials of this generation; None before it is ready."""
    error: str | None = None
    ready_at: datetime | None = None
    rotation_requested_at: datetime | None = None
    """While a rotation is in progress."""
    rotated_at: datetime | None = None
    former_generation: int | None = None
    """The credentials before the last rotation, until they expire."""
    deleted_at: datetime | None = None
    purge_at: datetime | None = None
    storage_exceeded_at: datetime | None = None
    """Since when it accepts no writes because it has more data than its plan allows."""
    scaling_plan: str | None = None
    """The plan that it is moving to."""
    scaling_requested_at: datetime | None = None

    @classmethod
    def request(
        cls, application: Application, name: str, kind: ServiceKind, plan: str, seal: Callable[[str], str], at: datetime
    ) -> tuple[Self, Events]:
        """Request a database or a Redis. Raises InvalidDataService."""
        errors = name_errors(name)
        if kind is ServiceKind.EXTERNAL:
            errors.append(FieldError("/kind", "an external service is added by its URL: POST /v1/apps/{applicationId}/external-services"))
        elif plan not in PLANS[kind]:
            errors.append(FieldError("/plan", f'plan "{plan}" does not exist: use {", ".join(PLANS[kind])}'))
        if errors:
            raise InvalidDataService.of(errors)
        service = cls(new_id(), application.id, name, kind, plan, at, sealed_password=seal(new_password()))
        return service, (DataServiceRequested(**service._ids(application.user_id), at=at),)

    @classmethod
    def add_external(cls, application: Application, name: str, url: str, seal: Callable[[str], str], at: datetime) -> tuple[Self, Events]:
        """Raises InvalidDataService."""
        if errors := [*name_errors(name), *url_errors(url)]:
            raise InvalidDataService.of(errors)
        service = cls(new_id(), application.id, name, ServiceKind.EXTERNAL, "", at, ServiceState.READY, sealed_url=seal(url), ready_at=at)
        return service, (service._created(application.user_id, at),)

    @property
    def database(self) -> str:
        """Name of the database and of the role that owns what is in it, or of the Redis. It tells other tenants nothing, to whom it is visible."""
        return f"s{self.id.hex[-16:]}"

    def login(self, generation: int) -> str:
        return f"{self.database}_{generation}"

    @property
    def limits(self) -> Plan:
        return PLANS[self.kind][self.plan]

    @property
    def is_provisioned(self) -> bool:
        """Whether Capsule creates and deletes it."""
        return self.kind is not ServiceKind.EXTERNAL

    @property
    def is_deleted(self) -> bool:
        return self.state in (ServiceState.DELETED, ServiceState.PURGING, ServiceState.PURGED)

    def require_ready(self) -> None:
        """Raises DataServiceNotReady."""
        if self.state is not ServiceState.READY:
            raise DataServiceNotReady.of(self.name, self.state)

    def require_provisioned(self) -> None:
        """Raises DataServiceNotReady, also for an external service, of which Capsule knows nothing but the URL."""
        self.require_ready()
        if not self.is_provisioned:
            raise DataServiceNotReady(f"{self.name} is a server elsewhere: Capsule stores its URL and does not connect to it.")

    def require_in_place(self) -> None:
        """Raises DataServiceNotReady while it moves to another plan."""
        if self.scaling_plan is not None:
            raise DataServiceNotReady(f"{self.name} is moving to the plan {self.scaling_plan}. Wait until it has ended.")

    def require_replaceable(self) -> None:
        """Whether a backup may replace its data. Raises DataServiceNotReady while it moves or its credentials change."""
        self.require_ready()
        self.require_in_place()
        if self.rotation_requested_at is not None:
            raise DataServiceNotReady(f"The credentials of {self.name} are being rotated. Wait until that has ended.")

    def _require_one_login(self) -> None:
        if self.rotation_requested_at is not None or self.former_generation is not None:
            raise DataServiceNotReady(f"The credentials of {self.name} were rotated just now: the former ones are still valid. Try again in an hour.")

    def complete(self, sealed_url: str, owner: UUID, at: datetime) -> Events:
        """Record that the database exists. Idempotent."""
        if self.state not in (ServiceState.CREATING, ServiceState.FAILED):
            return ()
        self.state, self.sealed_url, self.sealed_password, self.error, self.ready_at = ServiceState.READY, sealed_url, None, None, at
        return (self._created(owner, at),)

    def fail(self, error: str) -> None:
        if self.state is ServiceState.CREATING:
            self.state, self.error = ServiceState.FAILED, error[:500]

    def request_rotation(self, owner: UUID, seal: Callable[[str], str], at: datetime) -> Events:
        """Replace the credentials. The former ones stay valid until what uses them has been restarted, and OVERLAP longer.

        Raises DataServiceNotReady, also while a rotation is in progress, and for an external service.
        """
        self.require_ready()
        self.require_in_place()
        if not self.is_provisioned:
            raise DataServiceNotReady(f"{self.name} is a server elsewhere: change the password there, and add it again with its new URL.")
        self._require_one_login()
        self.rotation_requested_at, self.sealed_password, self.error = at, seal(new_password()), None
        return (DataServiceRotationRequested(**self._ids(owner), at=at),)

    def complete_rotation(self, sealed_url: str, owner: UUID, at: datetime) -> Events:
        """Make the next generation the current one. Idempotent."""
        if self.rotation_requested_at is None:
            return ()
        self.former_generation, self.generation = self.generation, self.generation + 1
        self.sealed_url, self.sealed_password, self.rotation_requested_at, self.rotated_at = sealed_url, None, None, at
        rotated = DataServiceCredentialsRotated(**self._ids(owner), name=self.name, generation=self.generation, at=at)
        return rotated, after(OVERLAP, self.expiry())

    def give_up_rotation(self, requested_at: datetime, error: str) -> None:
        """Keep the credentials: another rotation may be requested."""
        if self.rotation_requested_at == requested_at:
            self.rotation_requested_at, self.sealed_password = None, None
            self.error = f"The credentials were not rotated: {error}"[:500]

    def expiry(self) -> DataServiceCredentialsExpired:
        """The event that ends the validity of the former credentials."""
        assert self.former_generation is not None, "only after a rotation"
        return DataServiceCredentialsExpired(service_id=self.id, application_id=self.application_id, generation=self.former_generation)

    def forget_former(self, generation: int) -> None:
        if self.former_generation == generation:
            self.former_generation = None

    def request_scaling(self, plan: str, owner: UUID, at: datetime) -> Events:
        """Raises DataServiceNotReady, also while its credentials change: both logins cannot be moved; and InvalidDataService."""
        self.require_provisioned()
        self.require_in_place()
        self._require_one_login()
        if plan == self.plan or plan not in PLANS[self.kind]:
            others = ", ".join(each for each in PLANS[self.kind] if each != self.plan)
            text = f"it has the plan {plan} already: use {others}" if plan == self.plan else f'plan "{plan}" does not exist: use {others}'
            raise InvalidDataService.of([FieldError("/plan", text)])
        self.scaling_plan, self.scaling_requested_at, self.error = plan, at, None
        return (DataServiceScalingRequested(**self._ids(owner), at=at),)

    @property
    def scaling_limits(self) -> Plan:
        assert self.scaling_plan is not None, "only while it moves to another plan"
        return PLANS[self.kind][self.scaling_plan]

    def complete_scaling(self, owner: UUID, at: datetime) -> Events:
        """Its data have moved, also if it was deleted meanwhile: they can be restored there. Idempotent."""
        if self.scaling_plan is None:
            return ()
        plan, former, self.scaling_plan, self.scaling_requested_at = self.scaling_plan, self.plan, None, None
        self.plan = plan
        return (DataServiceScaled(**self._ids(owner), name=self.name, plan=plan, former_plan=former, at=at),)

    def give_up_scaling(self, requested_at: datetime, error: str) -> None:
        """Keep the plan: the change may be requested again."""
        if self.scaling_requested_at == requested_at:
            self.error = f"The plan was not changed to {self.scaling_plan}: {error}"[:500]
            self.scaling_plan, self.scaling_requested_at = None, None

    def measurement_request(self, repeats: int = MEASUREMENTS - 1) -> DataServiceMeasurementRequested:
        return DataServiceMeasurementRequested(service_id=self.id, application_id=self.application_id, repeats=repeats)

    def next_measurement(self, size_bytes: int, repeats: int) -> Events:
        """A database that may soon be full is measured every minute, until housekeeping requests the next measurements."""
        if not repeats or size_bytes < self.limits.storage_bytes // 2:
            return ()
        return (after(MEASUREMENT_INTERVAL, self.measurement_request(repeats - 1)),)

    def crosses_limit(self, size_bytes: int) -> bool:
        """Whether it has become read-only, or writable again, by its size. It is writable again at nine tenths of its storage."""
        limit_bytes = self.limits.storage_bytes
        return size_bytes > limit_bytes if self.storage_exceeded_at is None else size_bytes < limit_bytes * 9 // 10

    def cross_limit(self, size_bytes: int, owner: UUID, at: datetime) -> Events:
        """Record that it has become read-only or writable again. Idempotent."""
        if not self.crosses_limit(size_bytes):
            return ()
        self.storage_exceeded_at = at if self.storage_exceeded_at is None else None
        if self.storage_exceeded_at is None:
            return ()
        size_mib = size_bytes // 2**20
        return (DataServiceStorageExceeded(**self._ids(owner), name=self.name, size_mib=size_mib, storage_mib=self.limits.storage_mib, at=at),)

    def delete(self, owner: UUID, at: datetime) -> Events:
        """Start the grace period. What has no data has none. Idempotent."""
        if self.is_deleted:
            return ()
        has_data = self.is_provisioned and self.state is ServiceState.READY
        self.state, self.deleted_at, self.purge_at = ServiceState.DELETED, at, at + GRACE if has_data else at
        deleted = DataServiceDeleted(**self._ids(owner), name=self.name, kind=self.kind, purge_at=self.purge_at, at=at)
        return deleted, after(GRACE, self.purge_request()) if has_data else self.purge_request()

    def purge_request(self) -> DataServicePurgeRequested:
        return DataServicePurgeRequested(service_id=self.id, application_id=self.application_id)

    def undelete(self, owner: UUID, at: datetime) -> Events:
        """Raises DataServiceNotDeleted, also after the grace period."""
        if self.state is not ServiceState.DELETED or self.purge_at is None or self.purge_at <= at or self.ready_at is None:
            raise DataServiceNotDeleted.of(self.name, self.state)
        self.state, self.deleted_at, self.purge_at = ServiceState.READY, None, None
        return (DataServiceRestored(**self._ids(owner), name=self.name, at=at),)

    def begin_purge(self, at: datetime) -> bool:
        """Claim the deletion of its data: no `undelete` succeeds from then on. Returns False before the end of the grace period."""
        if self.state is ServiceState.PURGING:
            return True
        if self.state is not ServiceState.DELETED or self.purge_at is None or self.purge_at > at:
            return False
        self.state = ServiceState.PURGING
        return True

    def complete_purge(self) -> None:
        """Its data are deleted, and its name is free."""
        self.state, self.sealed_url, self.sealed_password = ServiceState.PURGED, None, None

    def _ids(self, owner: UUID) -> dict[str, UUID]:
        return {"service_id": self.id, "application_id": self.application_id, "user_id": owner}

    def _created(self, owner: UUID, at: datetime) -> DataServiceCreated:
        return DataServiceCreated(**self._ids(owner), name=self.name, kind=self.kind, plan=self.plan, at=at)


def new_password() -> str:
    """192 random bits as hexadecimal digits: safe inside a URL."""
    return secrets.token_hex(24)
