"""Events of the deploy context about data services."""

from datetime import datetime
from uuid import UUID

from functions.kernel import Event


class DataServiceRequested(Event, type="data-service.requested"):
    """A data service was requested."""

    service_id: UUID
    application_id: UUID
    user_id: UUID
    at: datetime


class DataServiceCreated(Event, type="data-service.created", is_public=True):
    """A data service is ready.

    A database or a Redis was created, or a server elsewhere was added. `kind`: `postgres`, `redis` or `external`. `plan`: empty for an external one.
    """

    service_id: UUID
    application_id: UUID
    user_id: UUID
    name: str
    kind: str
    plan: str
    at: datetime


class DataServiceBound(Event, type="data-service.bound", is_public=True):
    """An environment's configuration has the URL of a data service.

    `variable`: under this name.
    """

    service_id: UUID
    application_id: UUID
    user_id: UUID
    name: str
    environment: str
    variable: str
    at: datetime


class DataServiceUnbound(Event, type="data-service.unbound", is_public=True):
    """A data service was unbound from an environment."""

    service_id: UUID
    application_id: UUID
    user_id: UUID
    name: str
    environment: str
    variable: str
    at: datetime


class DataServiceRotationRequested(Event, type="data-service.rotation-requested"):
    """New credentials of a data service were requested."""

    service_id: UUID
    application_id: UUID
    user_id: UUID
    at: datetime


class DataServiceCredentialsRotated(Event, type="data-service.credentials-rotated", is_public=True):
    """A data service has new credentials.

    The environments that are bound to it are restarted with them. The former ones stay valid for an hour at least.
    """

    service_id: UUID
    application_id: UUID
    user_id: UUID
    name: str
    generation: int
    at: datetime


class DataServiceCredentialsExpired(Event, type="data-service.credentials-expired"):
    """The former credentials of a data service are due to be refused."""

    service_id: UUID
    application_id: UUID
    generation: int


class DataServiceScalingRequested(Event, type="data-service.scaling-requested"):
    """Another plan of a data service was requested."""

    service_id: UUID
    application_id: UUID
    user_id: UUID
    at: datetime


class DataServiceScaled(Event, type="data-service.scaled", is_public=True):
    """A data service has another plan.

    Its URL stays the same.
    """

    service_id: UUID
    application_id: UUID
    user_id: UUID
    name: str
    plan: str
    former_plan: str
    at: datetime


class DataServiceDeleted(Event, type="data-service.deleted", is_public=True):
    """A data service was deleted.

    Its data are kept until `purge_at`, and it can be restored until then.
    """

    service_id: UUID
    application_id: UUID
    user_id: UUID
    name: str
    kind: str
    purge_at: datetime
    at: datetime


class DataServiceRestored(Event, type="data-service.restored", is_public=True):
    """The deletion of a data service was undone within its grace period."""

    service_id: UUID
    application_id: UUID
    user_id: UUID
    name: str
    at: datetime


class DataServicePurgeRequested(Event, type="data-service.purge-requested"):
    """The data of a deleted service are due to be deleted."""

    service_id: UUID
    application_id: UUID


class DataServiceMeasurementRequested(Event, type="data-service.measurement-requested"):
    """The size of a database is due to be measured.

    `repeats`: how often more, a minute apart, if it has more than half of what its plan allows.
    """

    service_id: UUID
    application_id: UUID
    repeats: int = 0


class DataServiceStorageExceeded(Event, type="data-service.storage-exceeded", is_public=True):
    """A database has more data than its plan allows.

    Its logins may read and delete until it is smaller again.
    """

    service_id: UUID
    application_id: UUID
    user_id: UUID
    name: str
    size_mib: int
    storage_mib: int
    at: datetime
