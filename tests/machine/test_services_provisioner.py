"""The logins that provision data services: rotated without a moment in which none works; and what `doctor` says of data services."""

import pytest

from functions.deploy.domain.service_plans import SMALL
from functions.deploy.ports import ServiceServerUnavailable
from knative.machine import services_redis
from knative.machine.doctor import services
from knative.machine.doctor.finding import Level
from knative.machine.services_postgres import ServicesPostgres
from tests.adapters.services_server import connect, provisioner_on, services_postgres
from tests.adapters.test_service_provisioner import created, new_database

__all__ = ["services_postgres"]


async def test_both_logins_provision_the_same_databases_until_the_former_is_refused(services_postgres: ServicesPostgres) -> None:
    former, database = provisioner_on(services_postgres), new_database()
    url = await created(former, database)
    for _ in range(2):
        former = provisioner_on(services_postgres)
        services_postgres.stage_provisioner()
        services_postgres.provisioner.switch()
        current, other = provisioner_on(services_postgres), new_database()
        for provisioner in (former, current):
            await created(provisioner, other)
            await provisioner.set_writable(database, False)
            await provisioner.set_writable(database, True)
        services_postgres.create_provisioner()  # as the next `up`
        services_postgres.close_former_provisioner()
        with pytest.raises(ServiceServerUnavailable):
            await former.create(other, SMALL)
        await current.delete(other)
    with connect(url) as session:
        session.execute("CREATE TABLE notes (text text)")


def test_the_provisioner_of_redis_has_two_logins(services_postgres: ServicesPostgres) -> None:
    home = services_postgres.home
    first = services_redis.provisioner_url(home)["redis"]
    services_redis.provisioner(home).stage()
    assert services_redis.provisioner_url(home)["redis"] == first
    services_redis.provisioner(home).switch()
    assert services_redis.provisioner_url(home)["redis"].startswith("redis://provisioner_alternate:")
    assert (home.secrets / "services-redis.password").exists()
    services_redis.close_former_provisioner(home)
    assert not (home.secrets / "services-redis.password").exists() and (home.secrets / "services-redis-alternate.password").exists()


def test_doctor_counts_databases_and_notices_full_ones() -> None:
    assert services.decide_postgres(3, 5 << 20, 10, 400, 0).level is Level.GOOD
    assert "1 full" in services.decide_postgres(3, 5 << 20, 10, 400, 1).summary
    assert services.decide_postgres(3, 5 << 20, 390, 400, 0).level is Level.FAULT


def test_doctor_asks_the_server(services_postgres: ServicesPostgres) -> None:
    found = services._check_postgres(services_postgres.home)
    assert found.level is Level.GOOD and "databases of applications" in found.summary
