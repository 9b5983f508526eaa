"""Creates the Jobs of CronJobs at their times, and deletes those that exceed the history.

The name of a Job is that of its CronJob and the scheduled minute: a tick that is decided twice creates one Job. Each CronJob is one timer, so idle
schedules cost nothing.
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from knative.local.controller import Key, RequeueAfter
from knative.local.jobs.cron_decision import CronPlan, decide, expired
from knative.local.jobs.reconciler import JOB, finished_at
from knative.local.objects import Object, owner_reference
from knative.local.store import AlreadyExists, NotFound, Store

CRON_JOB = "CronJob.batch"
SCHEDULED_AT = "batch.kubernetes.io/cronjob-scheduled-timestamp"
IDENTITY = ("name", "namespace", "uid")
MAX_SLEEP_SECONDS = 3600.0
"""A clock that jumps is noticed after this time at the latest."""


class CronJobs:
    kind = CRON_JOB

    def __init__(self, store: Store) -> None:
        self._store = store

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[Key]]]:
        def cron_job_of(job: Object) -> Iterable[Key]:
            owners = job["metadata"].get("ownerReferences") or ()
            return [(job["metadata"]["namespace"], owner["name"]) for owner in owners if owner["kind"] == "CronJob"]

        return {JOB: cron_job_of}

    async def on_deleted(self, object: Object) -> None:
        """Nothing to do: the garbage collector deletes its Jobs."""

    async def reconcile(self, object: Object) -> None:
        metadata, spec, before = object["metadata"], object["spec"], object.get("status") or {}
        if "deletionTimestamp" in metadata:
            return
        now = datetime.now(UTC)
        jobs = [each for each in self._store.children(metadata["uid"]) if each["kind"] == "Job"]
        active = [each for each in jobs if finished_at(each) is None]
        ended = [(each["metadata"]["name"], finished_at(each) or 0.0, _has_succeeded(each)) for each in jobs if each not in active]
        self._delete(expired(ended, spec), object)
        plan = decide(spec, _time(before.get("lastScheduleTime") or metadata["creationTimestamp"]), len(active), now)
        if plan.end_active:
            self._delete([each["metadata"]["name"] for each in active], object)
            active = []
        status = self._run(object, plan, active, jobs, before)
        with contextlib.suppress(NotFound):
            self._store.set_status(CRON_JOB, metadata["namespace"], metadata["name"], status)
        if plan.next_at is not None:
            raise RequeueAfter(min(max((plan.next_at - now).total_seconds(), 0.0), MAX_SLEEP_SECONDS), "schedule")

    def _run(self, cron_job: Object, plan: CronPlan, active: list[Object], jobs: list[Object], before: Mapping[str, Any]) -> dict[str, Any]:
        """Create the Job that is due, and return the status."""
        last = before.get("lastScheduleTime")
        if plan.run_at is not None:
            job = job_at(cron_job, plan.run_at)
            with contextlib.suppress(AlreadyExists):  # created before the status was written: it is among the active ones
                active = [*active, self._store.create(job)]
            last = _text(plan.run_at)
        completions = [job["status"]["completionTime"] for job in jobs if (job.get("status") or {}).get("completionTime")]
        references = [{"apiVersion": "batch/v1", "kind": "Job", **{name: each["metadata"][name] for name in IDENTITY}} for each in active]
        status = {"active": references, "lastScheduleTime": last, "lastSuccessfulTime": max(completions, default=before.get("lastSuccessfulTime"))}
        return {name: value for name, value in status.items() if value}

    def _delete(self, names: Iterable[str], cron_job: Object) -> None:
        for name in names:
            with contextlib.suppress(NotFound):
                self._store.delete(JOB, cron_job["metadata"]["namespace"], name)


def job_at(cron_job: Object, at: datetime) -> Object:
    """Return the Job of one scheduled time (Kubernetes, getJobFromTemplate2)."""
    metadata, template = cron_job["metadata"], cron_job["spec"]["jobTemplate"]
    own = template.get("metadata") or {}
    return {
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {
            "name": f"{metadata['name']}-{int(at.timestamp()) // 60}", "namespace": metadata["namespace"],
            "labels": dict(own.get("labels") or {}),
            "annotations": {**(own.get("annotations") or {}), SCHEDULED_AT: _text(at)},
            "ownerReferences": [owner_reference(cron_job)],
        },
        "spec": template["spec"],
    }  # fmt: skip


def _has_succeeded(job: Object) -> bool:
    return any(each["type"] == "Complete" and each["status"] == "True" for each in (job.get("status") or {}).get("conditions") or ())


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
