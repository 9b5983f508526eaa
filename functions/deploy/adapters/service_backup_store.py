"""Backups of data services in the backup store (`functions.wire.backups`), below `services/<service>`. One way for each kind of service."""

import asyncio
import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

import psycopg

from functions.deploy.adapters.postgres_backups import PostgresBackups
from functions.deploy.adapters.redis_backups import RedisBackups
from functions.deploy.adapters.service_provisioners import postgres_provisioner
from functions.deploy.adapters.services_control import control_url
from functions.deploy.domain.data_service import DataService
from functions.deploy.domain.service_plans import ServiceKind
from functions.deploy.ports import ServiceServerRefused, ServiceServerUnavailable
from functions.deploy.ports.service_backups import StoredServiceBackup
from functions.kernel import Permanent
from functions.runtime.config.settings import Settings
from functions.runtime.storage.external_call import external_call
from functions.wire.backups import BackupStore, Manifest
from functions.wire.backups.programs import ProgramFailed
from functions.wire.backups.variables import BACKUP_KEY, BACKUP_STORE
from functions.wire.settings import MissingSetting

T = TypeVar("T")
Chunks = Callable[[], Iterable[bytes]]
DUMP = "dump"


class KindOfBackup(Protocol):
    """How services of one kind are backed up. All methods block; they raise psycopg.Error, ProgramFailed, Transient and Permanent."""

    def dump(self, service: DataService, write: Callable[[Iterable[bytes]], object]) -> Mapping[str, object]:
        """Give the content as a stream of chunks to `write`, and return what a copy of it must have, as JSON."""
        ...

    def verify(self, service: DataService, backup_id: UUID, chunks: Chunks, expected: Mapping[str, Any]) -> int:
        """Restore into a copy, compare, and delete the copy. Returns the number of rows or keys. Raises Permanent if it differs."""
        ...

    def restore(self, target: DataService, chunks: Chunks, restore_id: UUID) -> None: ...


class StoredServiceBackups:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @external_call
    async def create(self, service: DataService, backup_id: UUID) -> StoredServiceBackup:
        return await asyncio.to_thread(guarded, lambda: self._create(service, backup_id))

    @external_call
    async def verify(self, service: DataService, backup_id: UUID) -> int:
        return await asyncio.to_thread(guarded, lambda: self._verify(service, backup_id))

    @external_call
    async def restore(self, source: DataService, backup_id: UUID, target: DataService, restore_id: UUID) -> None:
        await asyncio.to_thread(guarded, lambda: self._restore(source, backup_id, target, restore_id))

    @external_call
    async def delete(self, service_id: UUID, backup_id: UUID) -> None:
        await asyncio.to_thread(guarded, lambda: self._store().delete(_collection(service_id), str(backup_id)))

    @external_call
    async def delete_all(self, service_id: UUID) -> None:
        try:
            self._settings.value(BACKUP_STORE)
        except MissingSetting:
            return  # without a store there are none
        await asyncio.to_thread(guarded, lambda: self._store().delete_all(_collection(service_id)))

    def _create(self, service: DataService, backup_id: UUID) -> StoredServiceBackup:
        store, collection = self._store(), _collection(service.id)
        manifest = store.find(collection, str(backup_id))  # an attempt that was killed after it had stored everything
        if manifest is None:
            writer = store.begin(collection, str(backup_id))
            # A name of its own for each attempt: two that overlap do not replace each other's content under one manifest.
            part = f"{DUMP}-{secrets.token_hex(4)}"
            try:
                expected = self._kind(service).dump(service, lambda chunks: writer.add(part, chunks))
            except BaseException:
                writer.abandon()
                raise
            manifest = writer.complete(datetime.now(UTC), {"kind": str(service.kind), "service": service.name, "part": part, "expected": expected})
        return StoredServiceBackup(manifest.size_bytes, manifest.stored_bytes)

    def _verify(self, service: DataService, backup_id: UUID) -> int:
        store = self._store()
        manifest = store.get(_collection(service.id), str(backup_id))
        return self._kind(service).verify(service, backup_id, lambda: store.read(manifest, _part(manifest)), manifest.metadata["expected"])

    def _restore(self, source: DataService, backup_id: UUID, target: DataService, restore_id: UUID) -> None:
        store = self._store()
        manifest = store.get(_collection(source.id), str(backup_id))
        self._kind(target).restore(target, lambda: store.read(manifest, _part(manifest)), restore_id)

    def _kind(self, service: DataService) -> KindOfBackup:
        match service.kind:
            case ServiceKind.POSTGRES:
                return PostgresBackups(asyncio.run(postgres_provisioner(self._settings, service).server_url(service.database)))
            case ServiceKind.REDIS:
                return RedisBackups(control_url(self._settings))
        raise Permanent(f"services of the kind {service.kind} have no backups")

    def _store(self) -> BackupStore:
        """Raises MissingSetting."""
        return BackupStore(self._settings.value(BACKUP_STORE).open(is_shared=True), self._settings.value(BACKUP_KEY))


def guarded(call: Callable[[], T]) -> T:
    """Call what blocks. Raises ServiceServerUnavailable and ServiceServerRefused."""
    try:
        return call()
    except MissingSetting as missing:
        raise ServiceServerRefused(f"backups are not configured: {missing}") from missing
    except ProgramFailed as failure:
        raise ServiceServerUnavailable(str(failure)) from failure
    except psycopg.OperationalError as error:
        raise ServiceServerUnavailable(f"the server of the data services: {_first_line(error)}") from error
    except psycopg.Error as error:
        raise ServiceServerRefused(f"the server of the data services: {_first_line(error)}") from error


def _first_line(error: psycopg.Error) -> str:
    """Without DETAIL and CONTEXT, which may contain values."""
    return (error.diag.message_primary or str(error)).partition("\n")[0]


def _collection(service_id: UUID) -> str:
    return f"services/{service_id}"


def _part(manifest: Manifest) -> str:
    return str(manifest.metadata["part"])
