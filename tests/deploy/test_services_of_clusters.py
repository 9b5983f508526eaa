"""Data services of an installation on a cluster, on the in-memory Capsule: where servers are, and what is refused there."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from events.backups import BackupCreated
from functions.deploy import ports
from functions.deploy.adapters.dedicated_provisioner import DedicatedPostgresProvisioner
from functions.deploy.adapters.postgres_clusters import PostgresClusterProvisioner
from functions.deploy.adapters.redis_provisioner import RedisServiceProvisioner
from functions.deploy.adapters.redis_stateful_sets import RedisStatefulSetProvisioner
from functions.deploy.adapters.service_provisioner import PostgresServiceProvisioner
from functions.deploy.adapters.service_provisioners import ConfiguredServiceProvisioners
from functions.deploy.adapters.settings import service_addresses
from functions.deploy.commands.create_service_backup import CreateServiceBackup
from functions.deploy.commands.scale_data_service import ScaleDataService
from functions.deploy.commands.set_backup_policy import SetBackupPolicy
from functions.deploy.domain.data_service import DataService, ServiceState
from functions.deploy.domain.data_service_rejections import DataServicePlanIsFixed, DataServicesUnavailable
from functions.deploy.domain.service_backup_rejections import NoBackups
from functions.deploy.domain.service_plans import MEDIUM, SMALL, STANDARD_REDIS, Plan, ServiceKind
from functions.deploy.queries.backup_policy import ShowBackupPolicy
from functions.runtime.config.settings import Settings
from tests.deploy.data_services import show
from tests.deploy.deploy_capsule import OWNER, DeployCapsule
from tests.deploy.test_dedicated_services import allow, create
from tests.memory.deploy_backups import MemoryServiceBackupStore

POSTGRES, REDIS = ServiceKind.POSTGRES, ServiceKind.REDIS
MACHINE = {
    "CAPSULE_SERVICES_POSTGRES_ADDRESS": "127.0.0.1:5432",
    "CAPSULE_SERVICES_REDIS_ADDRESS": "127.0.0.1:6379",
    "CAPSULE_SERVICES_DEDICATED_ADDRESS": "127.0.0.1:7114",
}
CLUSTER = {
    "CAPSULE_SERVICES_POSTGRES_ADDRESS": "postgres-rw.capsule-services.svc:5432",
    "CAPSULE_SERVICES_REDIS_ADDRESS": "",
    "CAPSULE_SERVICES_DEDICATED_ADDRESS": "",
    "CAPSULE_SERVICES_POSTGRES_IMAGE": "ghcr.io/cloudnative-pg/postgresql:17",
    "CAPSULE_SERVICES_REDIS_IMAGE": "docker.io/valkey/valkey:8.1",
}


@pytest.mark.parametrize(
    ("values", "kind", "plan", "adapter"),
    [
        (MACHINE, POSTGRES, SMALL, PostgresServiceProvisioner),
        (MACHINE, POSTGRES, MEDIUM, DedicatedPostgresProvisioner),
        (MACHINE, REDIS, STANDARD_REDIS, RedisServiceProvisioner),
        (CLUSTER, POSTGRES, SMALL, PostgresServiceProvisioner),
        (CLUSTER, POSTGRES, MEDIUM, PostgresClusterProvisioner),
        (CLUSTER, REDIS, STANDARD_REDIS, RedisStatefulSetProvisioner),
    ],
    ids=lambda value: getattr(value, "name", getattr(value, "__name__", "")),
)
def test_the_place_of_a_server_decides_its_adapter(values: dict[str, str], kind: ServiceKind, plan: Plan, adapter: type) -> None:
    service = DataService(uuid4(), uuid4(), "main", kind, plan.name, datetime.now(UTC), ServiceState.READY)
    assert type(ConfiguredServiceProvisioners(Settings(values)).of(service)) is adapter
    service_addresses(Settings(values)).require(kind, plan.name)


@pytest.mark.parametrize(
    ("missing", "kind", "plan", "reason"),
    [
        ("CAPSULE_SERVICES_POSTGRES_IMAGE", POSTGRES, "medium", "no dedicated database servers"),
        ("CAPSULE_SERVICES_POSTGRES_ADDRESS", POSTGRES, "small", "creates no postgres services"),
        ("CAPSULE_SERVICES_REDIS_IMAGE", REDIS, "small", "creates no redis services"),
    ],
)
def test_what_a_cluster_lacks_is_refused(missing: str, kind: ServiceKind, plan: str, reason: str) -> None:
    with pytest.raises(DataServicesUnavailable, match=reason):
        service_addresses(Settings({**CLUSTER, missing: ""})).require(kind, plan)


@pytest.mark.parametrize(("kind", "plan", "other"), [(POSTGRES, "medium", "large"), (POSTGRES, "small", "medium"), (REDIS, "small", "standard")])
async def test_plans_are_fixed_on_a_cluster(kind: ServiceKind, plan: str, other: str) -> None:
    capsule, application_id = await on_cluster()
    service = await create(capsule, application_id, "main", kind=kind, plan=plan)
    with pytest.raises(DataServicePlanIsFixed, match=rf"cannot move to the plan {other}: .* capsule services create {kind} NAME --plan {other}"):
        await capsule.call(ScaleDataService(application_id=application_id, service_id=service.id, plan=other), caller=OWNER)
    assert (await show(capsule, application_id)).plan == plan


async def test_a_redis_on_a_cluster_has_no_backups_and_a_database_has() -> None:
    capsule, application_id = await on_cluster()
    store = capsule.port(ports.ServiceBackupStore)
    assert isinstance(store, MemoryServiceBackupStore)
    redis = {"application_id": application_id, "service_id": (await create(capsule, application_id, "cache", kind=REDIS)).id}
    database = await create(capsule, application_id, "main", plan="medium")
    store.content |= {each: "data" for each in (redis["service_id"], database.id)}
    for refused in (CreateServiceBackup(**redis), ShowBackupPolicy(**redis), SetBackupPolicy(**redis, schedule="0 3 * * *")):
        with pytest.raises(NoBackups, match="cache is a Redis on a cluster"):
            await capsule.call(refused, caller=OWNER)
    await capsule.housekeeping()  # gives each service the policy of the default
    await capsule.advance(hours=26)
    await capsule.housekeeping()
    await capsule.settle()
    assert {each.service_id for each in capsule.events(BackupCreated)} == {database.id}, "by the schedule that each service has by default"


async def on_cluster() -> tuple[DeployCapsule, UUID]:
    """With an application that may have services of all plans."""
    capsule = DeployCapsule(settings=CLUSTER)
    application = await capsule.create()
    await allow(capsule, 200_000)
    return capsule, application.id
