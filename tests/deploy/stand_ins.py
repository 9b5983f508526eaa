"""What stands around the deploy context's functions in a test: a clock that stands still, transactions without a database, a cluster that notices
when it is called inside of one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import yaml

from functions.deploy.ports import BuildSettings
from functions.kernel import Caller, Delayed, Event, Origin
from tests.builder.conftest import ROOT
from tests.memory.deploy_cluster import MemoryCluster

OWNER, STRANGER = Caller(uuid4()), Caller(uuid4())
REPOSITORY = "https://git.example.com/ada/hello.git"
COMMIT = "c0ffee" + "0" * 34
IMAGE = "capsule.local/apps/hello@sha256:" + "a" * 64
TEMPLATE = yaml.safe_load(yaml.safe_load((ROOT / "knative/base/build-job.yaml").read_text())["data"]["job.yaml"])


class StandingClock:
    def __init__(self) -> None:
        self.at = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def forward(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass
class PlainWork:
    """Gives what was recorded to the world, as the outbox does after the commit; nothing if the transaction fails."""

    said: list[Event | Delayed] = field(default_factory=list)
    open: bool = False
    origin: Origin | None = None

    def resumes(self, origin: Origin) -> None:
        self.origin = origin

    def emit(self, *events: Event | Delayed) -> None:
        self.said.extend(events)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator["PlainWork"]:
        assert not self.open, "a transaction inside of a transaction"
        self.open = True
        try:
            yield self
        finally:
            self.open = False

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        async with self._transaction():
            yield

    @asynccontextmanager
    async def preparing(self) -> AsyncIterator[None]:
        async with self._transaction():
            yield

    @asynccontextmanager
    async def recording(self) -> AsyncIterator["PlainWork"]:
        async with self._transaction() as work:
            yield work


class GuardedCluster(MemoryCluster):
    """Raises where the real one would: the network is never asked while a transaction is open."""

    def __init__(self) -> None:
        super().__init__()
        self.works: list[PlainWork] = []

    def _reach(self) -> None:
        assert not any(work.open for work in self.works), "the cluster was called inside of a transaction"
        super()._reach()


class FixedBuilds:
    def settings(self) -> BuildSettings:
        return BuildSettings(
            TEMPLATE, "capsule.local/apps", {"REPOSITORY_HOSTS": "", "BUILD_ENVIRONMENT": "PIP_INDEX_URL", "PIP_INDEX_URL": "https://m/"}
        )


class NoHousekeeping:
    async def sweep(self) -> None:
        """The runtime's own tables are not here."""
