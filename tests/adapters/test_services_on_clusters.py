"""Data services with servers of their own, on the API of the one-machine Knative with what a cluster adds (`tests.operators`), as deploy's account.

Real servers of PostgreSQL and Redis run from the objects that the adapters apply.
"""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import psycopg
import pytest
import yaml
from psycopg import errors
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError
from redis.exceptions import ConnectionError as RedisConnectionError

from functions.deploy.adapters.postgres_clusters import PostgresClusterProvisioner
from functions.deploy.adapters.service_backup_store import StoredServiceBackups
from functions.deploy.adapters.service_namespaces import control_password
from functions.deploy.domain.data_service import DataService, ServiceState
from functions.deploy.domain.postgres_manifests import PostgresPolicy, postgres_cluster, provisioner_secret
from functions.deploy.domain.redis_manifests import RedisPolicy, redis_objects
from functions.deploy.domain.service_plans import LARGE, MEDIUM, SMALL_REDIS, Plan, ServiceKind
from functions.deploy.domain.service_tenancy import namespace_of_service, service_tenancy
from functions.deploy.ports import ServiceProvisioner, ServiceServerRefused, ServiceServerUnavailable, ServiceUsage
from functions.kernel import new_id
from functions.runtime.config.settings import Settings
from functions.wire.backups import BackupKey
from tests.adapters.services_server import check_contract
from tests.deploy.account import give_account
from tests.generated.kinds import CRDS, crd_faults, faults
from tests.knative.api.conftest import Server, own_server
from tests.operators.clusters import SETTINGS, Cluster, cluster
from tests.waiting import wait_limit

__all__ = ["own_server"]
T = TypeVar("T")
COMPONENTS = Path(__file__).parents[2] / "knative" / "components"
PASSWORD = "f" * 48


@pytest.fixture(scope="module")
def on_cluster() -> Iterator[Cluster]:
    with cluster() as found:
        yield found


def new_database() -> str:
    return f"s{uuid4().hex[:16]}"


async def eventually(call: Callable[[], Awaitable[T]]) -> T:
    """As the runtime does: an event is delivered again while a server is not ready."""
    deadline = time.monotonic() + wait_limit(60)
    while True:
        try:
            return await call()
        except ServiceServerUnavailable:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.2)


@pytest.fixture(params=["postgres", "redis"])
def provisioned(request: pytest.FixtureRequest, on_cluster: Cluster) -> tuple[ServiceProvisioner, str, Plan, str]:
    """A provisioner, the name of its service, a plan and the scheme of its URLs."""
    database = new_database()
    if request.param == "redis":
        return on_cluster.redis_provisioner(database), database, SMALL_REDIS, "redis"
    return on_cluster.postgres_provisioner(database), database, MEDIUM, "postgresql"


async def test_every_step_may_be_repeated(provisioned: tuple[ServiceProvisioner, str, Plan, str]) -> None:
    """The contract of the port, as `test_service_provisioner` has it in memory and on one machine."""
    provisioner, database, plan, scheme = provisioned
    await eventually(lambda: provisioner.create(database, plan))
    await check_contract(provisioner, database, plan, scheme)


async def test_a_postgresql_server_of_its_own(on_cluster: Cluster, tmp_path: Path) -> None:
    service = DataService(new_id(), uuid4(), "main", ServiceKind.POSTGRES, MEDIUM.name, datetime.now(UTC), ServiceState.READY)
    database = service.database
    provisioner = on_cluster.postgres_provisioner(database, service.application_id)
    assert await provisioner.usage(database) == ServiceUsage(0, 0), "before it exists"
    await eventually(lambda: provisioner.create(database, MEDIUM))
    url = await provisioner.add_login(database, service.login(1), PASSWORD, MEDIUM)
    assert provisioner.endpoint(database).host == f"postgres-rw.app--{database}.svc"

    with psycopg.connect(url, autocommit=True) as session:
        session.execute("CREATE TABLE notes AS SELECT generate_series(1, 1000) AS number")
        session.execute("CREATE EXTENSION pg_trgm")
        assert session.execute("SHOW max_connections").fetchone() == ("150",), "parameters of the Cluster"
        for statement in ("CREATE DATABASE mine", "CREATE ROLE mine", "SET ROLE provisioner", "SELECT pg_read_file('/etc/passwd')"):
            with pytest.raises((errors.InsufficientPrivilege, errors.InvalidParameterValue)):
                session.execute(statement)  # type: ignore[call-overload]
        assert (await provisioner.usage(database)).connections == 1

    store = StoredServiceBackups(
        Settings({**on_cluster.values, "CAPSULE_BACKUP_STORE": tmp_path.as_uri(), "CAPSULE_BACKUP_KEY": BackupKey.generate().text})
    )
    backup_id = new_id()
    assert (await store.create(service, backup_id)).stored_bytes > 0
    assert await store.verify(service, backup_id) == 1000, "restored into a copy beside it, as on one machine"
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("TRUNCATE notes")
    await store.restore(service, backup_id, service, new_id())

    await provisioner.set_writable(database, False)
    with psycopg.connect(url, autocommit=True) as session:
        assert session.execute("SELECT count(*) FROM notes").fetchone() == (1000,)
        with pytest.raises(errors.InsufficientPrivilege):
            session.execute("INSERT INTO notes VALUES (1)")
        with pytest.raises(errors.InsufficientPrivilege):
            session.execute("SELECT lo_create(0)")
    await provisioner.delete(database)
    assert on_cluster.http.get(f"/api/v1/namespaces/{namespace_of_service(database)}").status_code == 404
    assert await provisioner.usage(database) == ServiceUsage(0, 0)


async def test_a_redis_keeps_its_data_and_its_logins(on_cluster: Cluster) -> None:
    database = new_database()
    provisioner = on_cluster.redis_provisioner(database)
    assert not (await provisioner.statistics(database)).is_running, "before it exists"
    await eventually(lambda: provisioner.create(database, SMALL_REDIS))
    url = await provisioner.add_login(database, f"{database}_1", PASSWORD, SMALL_REDIS)
    client = Redis.from_url(url, decode_responses=True)
    await client.set("kept", "yes")
    for command in (("CONFIG", "GET", "*"), ("ACL", "LIST"), ("SHUTDOWN",)):
        with pytest.raises(NoPermissionError):
            await client.execute_command(*command)
    assert (await provisioner.statistics(database)).operations
    pod = on_cluster.stateful_sets.pod(namespace_of_service(database))
    assert pod is not None
    await asyncio.sleep(1.1)  # appendfsync everysec
    pod.stop(signal.SIGKILL)

    rotated = await eventually(lambda: provisioner.add_login(database, f"{database}_2", PASSWORD[::-1], SMALL_REDIS))
    assert pod.starts == 2
    await client.connection_pool.disconnect()
    assert await client.get("kept") == "yes", "with the login of before"
    await provisioner.drop_login(database, f"{database}_1")
    with pytest.raises((AuthenticationError, RedisConnectionError)):
        await client.get("kept")
    second = Redis.from_url(rotated, decode_responses=True)
    assert await second.get("kept") == "yes"
    await client.aclose()
    await second.aclose()
    await provisioner.delete(database)


@pytest.mark.parametrize("plan", [MEDIUM, LARGE], ids=lambda plan: plan.name)
def test_objects_are_valid(plan: Plan) -> None:
    database, application = new_database(), uuid4()
    objects = [
        *service_tenancy(database, application),
        provisioner_secret(database, PASSWORD),
        postgres_cluster(database, plan, PostgresPolicy("ghcr.io/cloudnative-pg/postgresql:17", "fast")),
        *redis_objects(database, SMALL_REDIS, RedisPolicy("docker.io/valkey/valkey:8.1", "fast"), PASSWORD),
    ]
    for each in objects:
        assert faults(each) == []
        if CRDS.is_dir():
            assert crd_faults(each) == []
        assert len(each["metadata"]["name"]) <= 63 and PASSWORD not in str(each)


def test_the_shared_server_is_prepared_as_a_dedicated_one() -> None:
    _, shared, _ = yaml.safe_load_all((COMPONENTS / "services-postgres" / "postgres.yaml").read_text())
    own = postgres_cluster("s1", MEDIUM, PostgresPolicy("image:1"))
    assert shared["spec"]["bootstrap"] == own["spec"]["bootstrap"]
    (role,), (own_role,) = shared["spec"]["managed"]["roles"], own["spec"]["managed"]["roles"]
    assert {**role, "passwordSecret": None} == {**own_role, "passwordSecret": None}
    assert faults(shared) == []


async def test_without_an_operator_the_failure_names_it(on_cluster: Cluster, own_server: Server, tmp_path: Path) -> None:
    """The API of one machine has no CloudNativePG. Permanent: no delivery again would help."""
    with own_server.client() as api:
        give_account(api, own_server.kubeconfig, tmp_path / "account")
    database = new_database()
    provisioner = PostgresClusterProvisioner(Settings({**SETTINGS, "KUBECONFIG": str(tmp_path / "account")}), database, uuid4())
    with pytest.raises(ServiceServerRefused, match="the cluster has no CloudNativePG"):
        await provisioner.create(database, MEDIUM)
    await provisioner.delete(database)


async def test_the_namespace_of_another_application_is_refused(on_cluster: Cluster) -> None:
    database = new_database()
    await eventually(lambda: on_cluster.redis_provisioner(database).create(database, SMALL_REDIS))
    with pytest.raises(ServiceServerRefused, match="belongs to application"):
        await on_cluster.redis_provisioner(database).create(database, SMALL_REDIS)
    await on_cluster.redis_provisioner(database).delete(database)


def test_passwords_of_the_platform_differ_and_follow_the_key() -> None:
    first, second = (control_password(Settings({"CAPSULE_SERVICES_KEY": key}), "s1") for key in ("k" * 64, "l" * 64))
    assert len({first, second, control_password(Settings({"CAPSULE_SERVICES_KEY": "k" * 64}), "s2")}) == 3
    with pytest.raises(ServiceServerUnavailable, match="CAPSULE_SERVICES_KEY"):
        control_password(Settings({}), "s1")
