"""Dedicated PostgreSQL servers of applications, each as a copy of its files with the write-ahead log that makes them consistent."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from functions.wire.backups.programs import ProgramFailed, output_of, postgres_environment, postgres_program
from knative.local.files import write_private
from knative.local.serving.postgres_services.files import ServerFiles
from knative.local.serving.service_folder import UnknownService
from knative.machine import leftovers, services_redis
from knative.machine.backup.parts import Gone, Moment, Source
from knative.machine.backup.trees import Tree, extract
from knative.machine.home import LOOPBACK, Home
from knative.machine.knative_process import KNATIVE
from knative.machine.processes import find_running

PREFIX = "dedicated-"
SETTINGS, DATA = ".settings", ".data"
BASE_BACKUP = ("--pgdata=-", "--format=tar", "--wal-method=fetch", "--checkpoint=fast", "--no-manifest", "--compress=client-gzip:1", "--no-password")
"""https://www.postgresql.org/docs/current/app-pgbasebackup.html"""


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits and logins of the platform. Those of applications are in the data."""

    files: ServerFiles

    @property
    def name(self) -> str:
        return f"{PREFIX}{self.files.name}{SETTINGS}"

    def read(self) -> Iterator[bytes]:
        try:
            yield (self.files.folder / "service.json").read_bytes()
        except FileNotFoundError as error:
            raise Gone from error


@dataclass(frozen=True, slots=True)
class Data:
    home: Home
    files: ServerFiles

    @property
    def name(self) -> str:
        return f"{PREFIX}{self.files.name}{DATA}"

    def read(self) -> Iterator[bytes]:
        """From the server, which starts for it, or from the files while no one-machine Knative runs: they are as after a crash then."""
        if find_running(self.home, KNATIVE) is None:
            leftovers.kill_pods(self.home)
            yield from Tree(self.name, self.files.data, ["."], excluded=["./postmaster.pid"]).read()
            return
        try:
            login = f"{self.files.name}_backup:{self.files.password('backup')}"
            url = f"postgresql://{login}@{LOOPBACK}:{self.home.ports.services_dedicated}/postgres"
            yield from output_of([postgres_program("pg_basebackup"), *BASE_BACKUP], postgres_environment(url))
        except (ProgramFailed, UnknownService) as failure:
            if not self.files.exists():
                raise Gone from failure
            raise


class DedicatedServers:
    title = "Dedicated servers"
    prefix = PREFIX
    needs_servers = False

    def sources(self, home: Home, moment: Moment) -> Sequence[Source]:
        found = [ServerFiles(path) for path in sorted(root_of(home).glob("s*"))]
        return [source for files in found if files.exists() and files.data.exists() for source in (Settings(files), Data(home, files))]

    def restore(self, home: Home, name: str, chunks: Iterator[bytes]) -> None:
        files = ServerFiles(root_of(home) / name.removeprefix(PREFIX).rpartition(".")[0])
        root_of(home).mkdir(mode=0o711, parents=True, exist_ok=True)
        files.folder.mkdir(mode=0o750, exist_ok=True)
        if name.endswith(SETTINGS):
            write_private(files.folder / "service.json", b"".join(chunks))
        else:
            shutil.rmtree(files.data, ignore_errors=True)
            extract(files.data, chunks)


def root_of(home: Home) -> Path:
    return home.path / services_redis.DEDICATED
