"""Make a backup of this Capsule, running or stopped."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from functions.kernel import new_id
from functions.wire.backups import BackupStore, BackupWriter, Manifest, Part
from functions.wire.backups.errors import BackupStoreRefused, BackupStoreUnavailable
from functions.wire.backups.programs import ProgramFailed
from knative.machine.backup import destination, versions
from knative.machine.backup.destination import COLLECTION
from knative.machine.backup.kinds import KINDS
from knative.machine.backup.moment import moment
from knative.machine.backup.outcome import Outcome
from knative.machine.backup.parts import Gone, Source, count
from knative.machine.backup.publication import publish
from knative.machine.home import Home
from knative.machine.knative_process import KNATIVE
from knative.machine.postgres import PostgreSQL
from knative.machine.postgres_server import PostgresServer
from knative.machine.problems import Problem
from knative.machine.processes import find_running
from knative.machine.progress import Progress
from knative.machine.rabbitmq import RabbitMQ
from knative.machine.services_postgres import ServicesPostgres
from knative.machine.state_lock import lock
from knative.machine.up import start_servers

ABANDONED_AFTER = timedelta(hours=24)
"""Parts without a manifest whose newest is this old are of a backup that was killed."""


def backup(home: Home, progress: Progress, target: str = "", *, keep: int = 0, wait_seconds: float = 30.0) -> Manifest:
    """Make a backup, and delete older ones beyond `keep` (0: all are kept). Raises: Problem. The outcome is remembered either way."""
    started_at, former = datetime.now(UTC), Outcome.read(home)
    place = destination.address(home, target).text
    if home.restoring.exists():
        raise Problem(f"A restore into {home.path} was interrupted: there is nothing whole to store.", "Run ./taskw restore again, with --force.")
    if not (home.path / "postgres").exists() and home.local_contexts:
        raise Problem(f"There is no Capsule in {home.path}.", "./taskw up starts one. CAPSULE_HOME=… names another folder.")
    try:
        manifest = _backup(home, progress, destination.open_store(home, target, is_written=True), keep, wait_seconds)
    except (BackupStoreUnavailable, BackupStoreRefused, ProgramFailed) as error:
        Outcome(started_at.isoformat(), str(error), place=place, last_good_at=former.last_good_at if former else "").write(home)
        publish(home)
        raise Problem(f"The backup failed: {error}", "No incomplete backup is listed. Earlier backups are as they were.") from error
    except (Problem, OSError) as error:
        Outcome(started_at.isoformat(), str(error), place=place, last_good_at=former.last_good_at if former else "").write(home)
        publish(home)
        raise
    Outcome(started_at.isoformat(), backup_id=manifest.id, place=place, last_good_at=started_at.isoformat()).write(home)
    publish(home)
    return manifest


def _backup(home: Home, progress: Progress, store: BackupStore, keep: int, wait_seconds: float) -> Manifest:
    now = datetime.now(UTC)
    writer = store.begin(COLLECTION, str(new_id()))
    with lock(home), _servers(home, progress):
        is_running = find_running(home, KNATIVE) is not None
        with moment(home, wait_seconds) as at:
            for kind in KINDS:
                with progress.step(kind.title) as step:
                    started = time.monotonic()
                    sizes = [part.size_bytes for source in kind.sources(home, at) if (part := _add(writer, source)) is not None]
                    step.detail = f"{count(sizes)}, {_mib(sum(sizes))} ({_mib(int(sum(sizes) / max(time.monotonic() - started, 0.001)))}/s)"
        metadata = {**versions.current(), "inFlight": at.in_flight, "delayed": at.delayed, "wasRunning": is_running}
    manifest = writer.complete(now, metadata)
    store.delete_unfinished(COLLECTION, now - ABANDONED_AFTER)
    for each in store.list_ids(COLLECTION)[:-keep] if keep else ():
        store.delete(COLLECTION, each)
    if at.in_flight:
        progress.print(f"[yellow]![/] {at.in_flight} messages were on their way all the time. A restore may lack the effects of some of them.")
    progress.print(f"Backup {manifest.id}: {_mib(manifest.size_bytes)}, {_mib(manifest.stored_bytes)} stored")
    return manifest


def _add(writer: BackupWriter, source: Source) -> Part | None:
    try:
        return writer.add(source.name, source.read())
    except Gone:
        return None


@contextmanager
def _servers(home: Home, progress: Progress) -> Iterator[None]:
    """The servers, started for the backup if Capsule is stopped, and stopped again."""
    local: list[RabbitMQ | PostgresServer] = []
    if not home.external_amqp_url:
        local.append(RabbitMQ(home))
    if home.local_contexts:
        local.append(PostgreSQL(home))
    if home.has_services_postgres:
        local.append(ServicesPostgres(home))
    stopped = [server for server in local if not server.is_running()]
    try:
        if stopped:
            start_servers(home, progress)
        yield
    finally:
        for server in stopped:
            server.stop()


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:.1f} MiB"
