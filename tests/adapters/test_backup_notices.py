"""What `/health` reports about backups: of the installation as `./taskw backup` has stored it, and of data services by schedule."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from functions.deploy.adapters.backup_notices import backup_notices
from functions.deploy.adapters.postgres_data_services import PostgresDataServices
from functions.deploy.adapters.postgres_service_backups import PostgresServiceBackups
from functions.deploy.domain.service_backup import BackupTrigger, ServiceBackup
from functions.runtime.storage.database import Database
from knative.machine.backup import publication
from knative.machine.backup.outcome import Outcome
from knative.machine.home import Home
from tests.adapters.deploy_stores import NOW, add_application, on_postgres, url
from tests.adapters.test_deploy_data_services import ready

__all__ = ["url"]


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    found = Database(url)
    yield found
    await found.close()


async def notices(url: str, **later: int) -> list[str]:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        return list(await backup_notices(connection, NOW + timedelta(**later)))


async def test_the_installation(url: str, tmp_path: Path, postgres: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path)
    monkeypatch.setattr(publication, "dump_url", lambda home, context: url)
    publication.publish(home)
    assert await notices(url) == [], "whoever never made one backs up in another way"
    good = NOW.isoformat()
    Outcome(good, backup_id="1", last_good_at=good).write(home)
    for _ in range(2):
        publication.publish(home)
    assert await notices(url, hours=47) == []
    assert await notices(url, hours=49) == [
        f"The backup of the installation is overdue. The last good one is of {NOW:%Y-%m-%d %H:%M} UTC: ./taskw backup makes one."
    ]
    Outcome((NOW + timedelta(days=1)).isoformat(), "No space left in /mnt/secret-place", last_good_at=good).write(home)
    publication.publish(home)
    (notice,) = await notices(url, days=1)
    assert "failed. The last good one is of" in notice and "secret-place" not in notice
    Outcome(good, "no").write(home)
    publication.publish(home)
    assert "There is no good one" in (await notices(url))[0]
    Outcome(good, backup_id="2", last_good_at=good).write(home)
    publication.publish(home)
    assert await notices(url) == []


async def test_a_database_that_is_away_or_older_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres: Any) -> None:
    home = Home(tmp_path)
    Outcome(NOW.isoformat()).write(home)
    for address in ("postgresql://nobody:x@127.0.0.1:1/deploy", str(postgres.database("auth").functions_url)):
        monkeypatch.setattr(publication, "dump_url", lambda home, context, address=address: address)
        publication.publish(home)


async def test_scheduled_backups_of_data_services(url: str, database: Database) -> None:
    stores, services, backups = on_postgres(database), PostgresDataServices(database), PostgresServiceBackups(database)
    before = await notices(url)

    async def backup(service: Any, trigger: BackupTrigger, hours: int, error: str = "", verification: str = "") -> None:
        made, _ = ServiceBackup.request(service, trigger, uuid4(), NOW + timedelta(hours=hours))
        made.fail("main", uuid4(), error, NOW) if error else made.complete("main", uuid4(), 1, 1, NOW)
        if verification:
            made.fail_verification("main", uuid4(), verification, NOW)
        async with stores.transaction():
            await backups.add(made)

    found = []
    for _ in range(3):
        service = ready(await add_application(stores))
        async with stores.transaction():
            await services.add(service)
        found.append(service)
    await backup(found[0], BackupTrigger.SCHEDULE, 1, error="no space")
    await backup(found[0], BackupTrigger.SCHEDULE, 2)  # the next one was good
    await backup(found[1], BackupTrigger.MANUAL, 1, error="by hand: its user has seen it")
    assert await notices(url) == before
    await backup(found[1], BackupTrigger.SCHEDULE, 2, error="no space")
    assert [each for each in await notices(url) if each not in before] == [
        "The last scheduled backup of 1 data service failed or could not be verified: their owners have an alert."
    ]
    await backup(found[2], BackupTrigger.SCHEDULE, 2, verification="it lacks rows")
    assert "of 2 data services" in (await notices(url))[-1]
    async with stores.transaction():
        found[1].delete(uuid4(), NOW)
        await services.save(found[1])
    assert "of 1 data service " in (await notices(url))[-1]
