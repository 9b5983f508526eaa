"""Stored secrets are sealed again after a rotation of their context's keys; the columns that hold them are all declared."""

import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from functions.kernel import new_id
from functions.runtime.config.registry import wiring_of
from functions.runtime.config.settings import Settings
from functions.runtime.reliability.resealing import BATCH, Resealing
from functions.runtime.security.encryption import (
    PRIVATE_KEYS,
    PUBLIC_KEY,
    ContextVault,
    new_private_keys,
    public_key,
    retiring_keys,
    rotated_private_keys,
    without_key,
)
from functions.runtime.storage.database import Database
from knative.machine.home import CONTEXTS
from tests.adapters.test_auth_keys import NOW
from tests.servers import Databases

CHANNELS = "INSERT INTO alert_channels (id, application_id, url, secret, created_at, deleted_at) VALUES (%s, %s, 'https://a.example', %s, now(), {})"


class Keys:
    """The mounted keys of monitor."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.private = new_private_keys()
        self.mount(self.private)
        self.vault = ContextVault(Settings({"CAPSULE_ROOT": str(root)}), "monitor")

    def mount(self, private: dict[str, Any]) -> None:
        self.private = private
        for name, content in ((PRIVATE_KEYS, private), (PUBLIC_KEY.format(context="monitor"), public_key(private))):
            path = self.root / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content))
            os.utime(path, ns=(time.time_ns(), time.time_ns()))


@pytest.fixture
def monitor_keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path)


@pytest.fixture
async def database(postgres: Databases) -> AsyncIterator[Database]:
    opened = Database(postgres.database("monitor").functions_url)
    yield opened
    await opened.close()


async def stored(database: Database) -> dict[Any, str]:
    async with database.transaction(read_only=True) as connection:
        return dict(await (await connection.execute("SELECT id, secret FROM alert_channels")).fetchall())


async def test_a_rotation_leaves_no_secret_under_the_former_key(database: Database, monitor_keys: Keys) -> None:
    vault, secrets = monitor_keys.vault, {new_id(): f"whsec_{number}" for number in range(BATCH + 2)}
    deleted = new_id()
    async with database.transaction() as connection:
        for id, secret in secrets.items():
            await connection.execute(CHANNELS.format("NULL"), (id, new_id(), vault.seal(secret)))
        await connection.execute(CHANNELS.format("now()"), (deleted, new_id(), ""))
    resealing = Resealing(database, vault, wiring_of("monitor").sealed)
    before = await stored(database)
    assert await resealing.sweep() == 0 and await stored(database) == before, "sealed with the current key already"

    monitor_keys.mount(rotated_private_keys(monitor_keys.private, NOW))
    assert await resealing.sweep() == len(secrets)
    assert await resealing.sweep() == 0
    (former,) = retiring_keys(monitor_keys.private)
    monitor_keys.mount(without_key(monitor_keys.private, former))
    after = await stored(database)
    assert after.pop(deleted) == ""
    assert {id: vault.open(sealed) for id, sealed in after.items()} == secrets


async def test_a_secret_that_cannot_be_opened_stays_and_does_not_stop_the_others(
    database: Database, monitor_keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    vault, foreign, own = monitor_keys.vault, new_id(), new_id()
    lost = f"sealed:{'0' * 12}:AAAA"
    async with database.transaction() as connection:
        await connection.execute(CHANNELS.format("NULL"), (foreign, new_id(), lost))
        await connection.execute(CHANNELS.format("NULL"), (own, new_id(), vault.seal("whsec_own")))
    monitor_keys.mount(rotated_private_keys(monitor_keys.private, NOW))
    assert await Resealing(database, vault, wiring_of("monitor").sealed).sweep() == 1
    found = await stored(database)
    assert found[foreign] == lost and vault.open(found[own]) == "whsec_own"
    assert str(foreign) in caplog.text and "no longer has" in caplog.text


@pytest.mark.parametrize("context", CONTEXTS)
def test_every_column_with_sealed_texts_is_declared(postgres: Databases, context: str) -> None:
    """Columns are named `sealed…` or `…secret`."""
    with psycopg.connect(postgres.database(context).owner_url) as owner:
        found = owner.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name ~ '^sealed|(^|_)secret$'"
        ).fetchall()
        declared = {(each.table, each.name) for each in wiring_of(context).sealed}
        assert declared == set(found)
        for each in wiring_of(context).sealed:
            key = owner.execute(
                "SELECT attname::text FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)"
                " WHERE indrelid = %s::regclass AND indisprimary",
                [each.table],
            ).fetchall()
            assert {row[0] for row in key} == set(each.key)
