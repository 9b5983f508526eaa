"""Rows as releases since V10 wrote them, in one database of deploy that is migrated version by version."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from functions.deploy.adapters.postgres_applications import PostgresApplications
from functions.deploy.adapters.postgres_environments import PostgresEnvironments
from functions.deploy.adapters.postgres_quotas import PostgresQuotas
from functions.deploy.adapters.postgres_runs import PostgresRuns
from functions.deploy.domain.quota import Quota
from functions.deploy.domain.run import RunStreams
from functions.runtime.storage.database import Database
from tests.adapters.former_schema import FormerDatabase
from tests.servers import Databases

THEN = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
IMAGE = "capsule.local/apps/hello@sha256:" + "a" * 64
FIRST = 11
OUTCOMES: dict[str, dict[str, Any]] = {
    "succeeded": {"url": "http://hello.localhost", "finished_at": THEN + 9 * MINUTE},
    "failed": {"reason": "build-failed", "finished_at": THEN + 3 * MINUTE},
    "rolled-back": {"reason": "error-rate", "rolled_back_to": 1, "finished_at": THEN + 8 * MINUTE},
    "observing": {"reminder_at": THEN, "deadline_at": THEN + timedelta(hours=1)},
}
"""Deployments of before: status, and the columns that go with it."""


class Former(FormerDatabase):
    """Deploy's rows as V10 has them."""

    def add_application(self, user: UUID, name: str, **more: Any) -> UUID:
        application = uuid4()
        source: dict[str, Any] = {"repository": "https://example.org/hello.git"} if "image" not in more else {}
        self.insert("applications", id=application, user_id=user, name=name, created_at=THEN, **source, **more)
        return application

    def add_release(self, application: UUID, number: int) -> UUID:
        release = uuid4()
        self.insert(
            "releases",
            **{"id": release, "application_id": application, "number": number, "image": IMAGE, "commit": "c" * 40},
            **{"kind": "python", "manifest": "{}", "created_at": THEN},
        )
        return release

    def add_run(self, application: UUID, release: UUID, **more: Any) -> UUID:
        run = uuid4()
        self.insert(
            "runs",
            **{"id": run, "application_id": application, "environment": "staging", "release_id": release, "command": "true"},
            **{"memory_mib": 128, "cpu_millis": 100, "requested_at": THEN, **more},
        )
        return run


async def test_rows_of_each_version_are_what_they_were(postgres: Databases, tmp_path: Path) -> None:
    former = Former(postgres, tmp_path, "deploy")
    former.migrate_through(10)
    owner, nobody = uuid4(), uuid4()
    application = former.add_application(owner, "hello")
    from_image = former.add_application(owner, "ready", image="registry.example/ready:1")
    deleted = former.add_application(owner, "gone", status="deleted", deleted_at=THEN)
    release = former.add_release(application, 1)
    environments: dict[str, dict[str, Any]] = {
        "staging": {"stopped_at": THEN},
        "production": {"reserved_memory_mib": 512},
        "preview7": {"deleted_at": THEN},
    }
    for name, more in environments.items():
        former.insert("environments", application_id=application, name=name, created_at=THEN, **more)
    for user, applications, used in ((owner, 1, 2), (nobody, 5, 0)):
        former.insert("quotas", user_id=user, applications=applications, applications_used=used, memory_mib=256, granted_at=THEN)
    deployments = {}
    for number, (status, more) in enumerate(OUTCOMES.items()):
        deployments[status] = uuid4()
        former.insert(
            "deployments",
            **{"id": deployments[status], "application_id": application, "environment": f"e{number}", "status": status, "release_id": release},
            **{"correlation_id": "c", "requested_at": THEN, "changed_at": THEN, **more},
        )
        for position, step in enumerate(["building"] if status == "failed" else ["building", "observing"], 1):
            at = THEN + position * MINUTE
            former.insert("saga_steps", saga_id=deployments[status], step=step, position=position, started_at=at, attempts=1)
    without_steps = uuid4()  # a deployment of before there were sagas
    former.insert(
        "deployments",
        **{"id": without_steps, "application_id": application, "environment": "old", "status": "succeeded", "release_id": release},
        **{"correlation_id": "c", "requested_at": THEN, "changed_at": THEN, **OUTCOMES["succeeded"]},
    )

    former.migrate_through(11)
    traffic = dict(former.rows("SELECT id, traffic_at FROM deployments"))
    assert traffic[deployments["failed"]] is None, "a build that failed took no traffic"
    for status in ("succeeded", "rolled-back", "observing"):
        assert traffic[deployments[status]] == THEN + 2 * MINUTE
    assert traffic[without_steps] == THEN + 9 * MINUTE

    former.migrate_through(12)
    former.migrate_through(13)
    former.migrate_through(14)
    assert former.rows("SELECT DISTINCT port FROM applications") == [(None,)]
    runs = [former.add_run(application, release), former.add_run(application, release, finished_at=THEN, exit_code=3)]
    former.migrate_through(15)
    former.execute("UPDATE quotas SET is_suspended = true WHERE user_id = %s", nobody)

    former.migrate_through(16)
    standing = "SELECT is_suspended, plan, exhausted, renews_at, restriction, is_paused FROM quotas WHERE user_id = %s"
    assert former.rows(standing, owner) == [(False, "free", [], None, None, False)], "over its quota: known with the next event"
    assert former.rows(standing, nobody) == [(True, "free", [], None, None, False)]
    assert former.rows("SELECT DISTINCT paused_at, pause_reason FROM environments") == [(None, None)]
    with pytest.raises(psycopg.errors.CheckViolation):
        former.execute("UPDATE quotas SET restriction = 'over-quota'")

    former.migrate_through(18)
    assert former.rows("SELECT DISTINCT streams, attached_at FROM runs") == [("logged", None)]
    for version in (19, 23, 24):
        former.migrate_through(version)
    assert former.rows("SELECT DISTINCT protected_environments FROM applications") == [(["production"],)]
    former.migrate_through(25)
    former.migrate_through(26)
    assert former.rows("SELECT DISTINCT maintenance_started_at, maintenance_retry_after_seconds FROM environments") == [(None, None)]
    former.migrate_through(27)
    assert former.rows("SELECT DISTINCT waking_page FROM applications") == [(False,)]
    former.migrate_through(28)
    configured = {"scope": "", "name": "MODE", "version": 1, "value": "test", "created_at": THEN}
    former.insert("config_entries", application_id=application, **configured)
    former.migrate_through(29)
    assert former.rows("SELECT DISTINCT service_id, service_kind FROM config_entries") == [(None, None)], "no former entry binds a service"
    former.migrate_through(32)
    assert former.rows("SELECT DISTINCT processes FROM releases") == [({},)] == former.rows("SELECT DISTINCT processes FROM environments")
    with pytest.raises(psycopg.errors.CheckViolation):
        former.execute("UPDATE deployments SET reason = 'x' WHERE status = 'observing'")
    former.migrate_through(33)
    former.migrate_through(34)
    assert former.rows("SELECT DISTINCT schedule_id, job_name, timeout_seconds FROM runs") == [(None, None, 3600)]
    database = {"kind": "postgres", "plan": "small", "state": "ready", "generation": 1, "sealed_url": "sealed:x", "requested_at": THEN}
    former.insert("data_services", id=uuid4(), application_id=application, name="main", **database)
    for version in (35, 38, 39, 40):
        former.migrate_through(version)
    former.execute("UPDATE operations SET kind = 'volume-create'")
    former.migrate_through(42)
    assert former.rows("SELECT kind, plan FROM data_services") == [("postgres", "small")]
    former.execute("UPDATE data_services SET kind = 'redis'")
    former.migrate_through(44)
    assert former.rows("SELECT DISTINCT scale_metric, scale_target FROM environments") == [("concurrency", None)]
    volume = {"application_id": application, "requested_at": THEN, "generation": 1, "processes": [], "warned_percent": 0, "size_mib": 10}
    purged = {"state": "purged", "deleted_at": THEN, "purge_at": THEN, "ready_at": THEN}
    former.insert("volumes", id=uuid4(), name="gone", **{**volume, **purged, "application_id": uuid4()})
    former.insert("volumes", id=uuid4(), name="uploads", **{**volume, "state": "ready", "ready_at": THEN})
    former.execute("UPDATE quotas SET plan = 'pro' WHERE user_id = %s", nobody)
    former.migrate_through(45)
    [(metered, measured_until)] = former.rows("SELECT application_id, measured_until FROM storage_meters")
    assert metered == application and measured_until > THEN, "what there was is measured from the upgrade on"
    former.migrate_through(46)
    assert dict(former.rows("SELECT user_id, volumes_mib FROM quotas WHERE user_id IN (%s, %s)", owner, nobody)) == {owner: 2048, nobody: 102400}
    former.migrate_through(47)
    former.migrate_through(48)
    measured = dict(former.rows("SELECT id, measured_at IS NOT NULL FROM deployments"))
    assert measured[deployments["observing"]], "its revision has no annotation by which it would be reported"
    assert not measured[deployments["succeeded"]]
    former.migrate_through(50)
    domain = {"environment": "staging", "token": "t", "created_at": THEN, "redirects": True, "checks": 0, "issuer": "", "failures": 0}
    former.insert("domains", id=uuid4(), application_id=application, host="shop.example.com", is_pointed_here=True, **domain)
    former.migrate_through(51)
    assert former.rows("SELECT is_delegated, renewal_info_at FROM domains") == [(False, None)]
    former.migrate_through(52)
    pace = former.rows("SELECT DISTINCT scale_window_seconds, scale_down_delay_seconds, initial_scale FROM environments")
    assert pace == [(None, 0, 1)], "as before"
    assert former.rows("SELECT DISTINCT stop_seconds FROM runs") == [(30,)], "as Kubernetes has it"
    former.migrate_through(53)
    assert former.rows("SELECT DISTINCT plan, scaling_plan, scaling_requested_at FROM data_services") == [("small", None, None)], (
        "none is on the move"
    )
    former.migrate_through(57)
    former.migrate_through(58)
    assert former.rows("SELECT DISTINCT may_exceed_memory FROM quotas") == [(True,)], "not known yet: summed up at the next application"
    former.migrate_to_newest()
    assert not former.unvisited(since=FIRST), "apply these versions here, one at a time, to rows of the version before"

    store = Database(former.database.functions_url)
    try:
        async with store.transaction():
            assert await PostgresQuotas(store).find(owner) == Quota(owner, 1, 256, THEN, 2, 512)
            found = [await PostgresRuns(store).get(application, run) for run in runs]
            assert [(run.streams, run.exit_code) for run in found] == [(RunStreams.LOGGED, None), (RunStreams.LOGGED, 3)]
            stored = await PostgresApplications(store).get_any(from_image)
            assert stored.name == "ready"
            staging = await PostgresEnvironments(store).find(application, "staging")
            production = await PostgresEnvironments(store).find(application, "production")
            assert staging is not None and staging.runs_nothing, "its user stopped it"
            assert production is not None and not production.runs_nothing
    finally:
        await store.close()
    assert former.rows("SELECT status FROM applications WHERE id = %s", deleted) == [("deleted",)]
