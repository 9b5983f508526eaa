"""Restore a backup into an empty state folder. Everything is verified before anything is written."""

import time
from collections.abc import Mapping

from functions.wire.backups import BackupDamaged, BackupNotFound, BackupStore, Manifest, WrongBackupKey
from functions.wire.backups.errors import BackupStoreRefused, BackupStoreUnavailable
from functions.wire.backups.keys import BackupKeys
from functions.wire.backups.programs import ProgramFailed
from knative.machine import secrets
from knative.machine.backup import destination, trees, versions
from knative.machine.backup.destination import COLLECTION
from knative.machine.backup.kinds import KINDS, kind_of
from knative.machine.backup.parts import Kind, count
from knative.machine.home import Home
from knative.machine.knative_process import KNATIVE
from knative.machine.postgres import PostgreSQL
from knative.machine.problems import Problem
from knative.machine.processes import find_running
from knative.machine.progress import Progress
from knative.machine.rabbitmq import RabbitMQ
from knative.machine.services_postgres import ServicesPostgres
from knative.machine.state_lock import lock
from knative.machine.up import install_packages, start_servers


def restore(home: Home, progress: Progress, source: str, keys: BackupKeys, backup_id: str = "", *, is_forced: bool = False) -> Manifest:
    """Restore a backup, by default the newest one. `is_forced`: delete what the state folder has. Raises: Problem."""
    if any(find_running(home, each.name) for each in (PostgreSQL(home), ServicesPostgres(home))) or find_running(home, KNATIVE):
        raise Problem(f"Capsule runs in {home.path}.", "./taskw down stops it. CAPSULE_HOME=… restores beside it, with another CAPSULE_PORT_OFFSET.")
    if not is_forced and (home.restoring.exists() or not trees.is_unused(home)):
        what = "has an interrupted restore" if home.restoring.exists() else "is not empty"
        raise Problem(f"The state folder {home.path} {what}.", "Restore into another one: CAPSULE_HOME=…; or delete what it has: --force")
    try:
        store = destination.open_store(home, source, keys)
        manifest = _find(store, backup_id)
        versions.require_known(manifest.metadata)
        for part in manifest.parts:
            kind_of(part.name)
        with progress.step("Verify") as step:
            started = time.monotonic()
            store.verify(manifest)
            step.detail = f"{count(manifest.parts)}, {_rate(manifest.size_bytes, time.monotonic() - started)}"
        with lock(home):
            _write(home, progress, store, manifest, keys)
    except (BackupDamaged, BackupNotFound, WrongBackupKey, BackupStoreUnavailable, BackupStoreRefused) as error:
        written = "The restore is incomplete: run it again with --force." if home.restoring.exists() else "Nothing was written."
        raise Problem(f"The backup cannot be restored: {error}", written) from error
    except ProgramFailed as error:
        raise Problem(f"The restore failed: {error}", "Run it again with --force.") from error
    return manifest


def _find(store: BackupStore, backup_id: str) -> Manifest:
    ids = store.list_ids(COLLECTION)
    if not ids:
        raise BackupNotFound("there is no complete backup of a Capsule here")
    return store.get(COLLECTION, backup_id or ids[-1])


def _write(home: Home, progress: Progress, store: BackupStore, manifest: Manifest, keys: BackupKeys) -> None:
    started = time.monotonic()
    home.restoring.write_text(manifest.id)
    trees.clear(home)
    home.create()
    secrets.store(home, destination.KEY, ",".join(each.text for each in (keys.current, *keys.former)))
    parts: Mapping[Kind, list[str]] = {kind: [each.name for each in manifest.parts if kind_of(each.name) is kind] for kind in KINDS}
    for kind in KINDS:
        if not kind.needs_servers:
            _restore_kind(home, progress, store, manifest, kind, parts[kind])
    with progress.step("Packages") as step:
        install_packages(home, progress, step)
    try:
        start_servers(home, progress)
        for kind in KINDS:
            if kind.needs_servers:
                _restore_kind(home, progress, store, manifest, kind, parts[kind])
    finally:
        for server in (RabbitMQ(home), PostgreSQL(home), ServicesPostgres(home)):
            server.stop()
    home.restoring.unlink()
    progress.print(f"Restored {manifest.id} of {manifest.created_at:%Y-%m-%d %H:%M} UTC: {_rate(manifest.size_bytes, time.monotonic() - started)}")


def _restore_kind(home: Home, progress: Progress, store: BackupStore, manifest: Manifest, kind: Kind, names: list[str]) -> None:
    if not names:
        return
    with progress.step(kind.title) as step:
        started = time.monotonic()
        for name in names:
            kind.restore(home, name, store.read(manifest, name))
        size = sum(manifest.part(name).size_bytes for name in names)
        step.detail = f"{count(names)}, {_rate(size, time.monotonic() - started)}"


def _rate(size_bytes: int, seconds: float) -> str:
    return f"{size_bytes / 2**20:.1f} MiB, {size_bytes / 2**20 / max(seconds, 0.001):.1f} MiB/s"
