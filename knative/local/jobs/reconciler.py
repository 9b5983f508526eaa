"""Runs the pods of Jobs and reports them in their status."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from knative.local.controller import RequeueAfter
from knative.local.jobs.decision import Finish, JobState, Start, Step, Suspend, Wait, decide
from knative.local.jobs.push import push
from knative.local.objects import Object, now
from knative.local.serving.conditions import Condition, condition_entries, find_condition
from knative.local.serving.pods.exit import Exit
from knative.local.serving.pods.pod import Pod
from knative.local.serving.pods.registry import FINISHED, Pods
from knative.local.serving.pods.state import Stage
from knative.local.store import NotFound, Store

log = logging.getLogger(__name__)

JOB = "Job.batch"
PREFIX = "batch.kubernetes.io/"
MIN_REQUEUE_SECONDS = 0.01


class Jobs:
    kind = JOB

    def __init__(self, store: Store, pods: Pods) -> None:
        self._store, self._pods = store, pods
        self._running: dict[str, Pod] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[tuple[str | None, str]]]]:
        def job_of(pod: Object) -> Iterable[tuple[str | None, str]]:
            name = (pod["metadata"].get("labels") or {}).get(PREFIX + "job-name")
            return [(pod["metadata"]["namespace"], name)] if name else []

        return {"Pod": job_of}

    async def on_deleted(self, object: Object) -> None:
        """Nothing to do: the garbage collector deletes the Job's pods, and deleting a pod ends its processes."""

    async def reconcile(self, object: Object) -> None:
        if "deletionTimestamp" in object["metadata"]:
            return
        status = object.get("status") or {}
        finished = finished_at(object)
        if finished is not None:
            await self._expire(object, finished)
            return
        pods = self._pods_of(object)
        start_time = status.get("startTime") or now()
        step = decide(object["spec"], state_of(pods, epoch(start_time), time.time()))
        if isinstance(step, Start):
            pods = [*pods, self._start_pod(object)]
        elif isinstance(step, Finish | Suspend):
            await self._stop_pods([pod for pod in pods if not _is_finished(pod)])
            pods = self._pods_of(object)
        self._write_status(object, pods, start_time, step)
        if isinstance(step, Wait) and step.seconds is not None:
            raise RequeueAfter(max(step.seconds, MIN_REQUEUE_SECONDS), "back-off or deadline")
        if isinstance(step, Finish) and object["spec"].get("ttlSecondsAfterFinished") is not None:
            raise RequeueAfter(float(object["spec"]["ttlSecondsAfterFinished"]), "ttlSecondsAfterFinished")

    async def _expire(self, object: Object, finished: float) -> None:
        """Delete a Job whose time to live after its end has passed."""
        ttl = object["spec"].get("ttlSecondsAfterFinished")
        if ttl is None:
            return
        seconds_left = finished + float(ttl) - time.time()
        if seconds_left > 0:
            raise RequeueAfter(seconds_left, "ttlSecondsAfterFinished")
        with contextlib.suppress(NotFound):
            self._store.delete(JOB, object["metadata"]["namespace"], object["metadata"]["name"])

    def _pods_of(self, job: Object) -> list[Object]:
        metadata = job["metadata"]
        return self._store.list("Pod", metadata["namespace"], {PREFIX + "controller-uid": metadata["uid"]})

    def _start_pod(self, job: Object) -> Object:
        metadata = job["metadata"]
        names = {"job-name": metadata["name"], "controller-uid": metadata["uid"]}
        labels = {**names, **{PREFIX + name: value for name, value in names.items()}}
        object = self._pods.create(job, metadata["name"], job["spec"]["template"], labels)
        grace = float(object["spec"].get("terminationGracePeriodSeconds", 30))
        pod = self._pods.run(object, self._on_change, restarts_always=False, grace_seconds=grace, finishing=self._push)
        self._running[pod.uid] = pod
        return object

    async def _push(self, pod: Pod, exit: Exit) -> Exit:
        return await push(pod, exit, self._pods.node.hand_over)

    def _on_change(self, pod: Pod) -> None:
        if pod.state.stage is Stage.ENDED:
            self._running.pop(pod.uid, None)
            self._pods.keep_object(pod)

    async def _stop_pods(self, objects: Sequence[Object]) -> None:
        running = [self._running[object["metadata"]["uid"]] for object in objects if object["metadata"]["uid"] in self._running]
        await asyncio.gather(*(pod.stop() for pod in running))

    def _write_status(self, job: Object, pods: Sequence[Object], start_time: str, step: Step) -> None:
        metadata, before = job["metadata"], job.get("status") or {}
        phases = [(pod.get("status") or {}).get("phase") for pod in pods]
        conditions: dict[str, Condition] = {}
        status: dict[str, Any] = {
            "startTime": start_time, "active": sum(phase not in FINISHED for phase in phases), "terminating": 0,
            "succeeded": phases.count("Succeeded"), "failed": phases.count("Failed"), "uncountedTerminatedPods": {},
            "ready": sum(bool(find_condition(pod, "Ready") == Condition("True")) for pod in pods),
        }  # fmt: skip
        if isinstance(step, Finish):
            types = ("SuccessCriteriaMet", "Complete") if step.is_complete else ("FailureTarget", "Failed")
            conditions = {type: Condition("True", step.reason, step.message) for type in types}
            if step.is_complete:
                status["completionTime"] = now()
        elif isinstance(step, Suspend):
            conditions = {"Suspended": Condition("True", "JobSuspended", "Job suspended")}
        at = now()
        entries = condition_entries(conditions, before.get("conditions") or [], at)
        status["conditions"] = [{**entry, "lastProbeTime": at} for entry in entries] if entries else []
        with contextlib.suppress(NotFound):
            self._store.set_status(
                JOB, metadata["namespace"], metadata["name"], {key: value for key, value in status.items() if value not in (0, [])}
            )


def finished_at(job: Object) -> float | None:
    """Return when a Job completed or failed, in seconds since the epoch; None while it runs."""
    for entry in (job.get("status") or {}).get("conditions") or []:
        if entry["type"] in ("Complete", "Failed") and entry["status"] == "True":
            return epoch(entry["lastTransitionTime"])
    return None


def state_of(pods: Sequence[Object], started_at: float, at: float) -> JobState:
    """Count pods by phase. Pods with DisruptionTarget do not count as failed."""
    active = succeeded = failed = 0
    last_failure_at = 0.0
    for pod in pods:
        phase = (pod.get("status") or {}).get("phase")
        if phase == "Succeeded":
            succeeded += 1
        elif phase != "Failed":
            active += 1
        elif find_condition(pod, "DisruptionTarget") is None:
            failed += 1
            entries = pod["status"].get("containerStatuses") or [{}]
            finished = entries[0].get("state", {}).get("terminated", {}).get("finishedAt")
            last_failure_at = max(last_failure_at, epoch(finished) if finished else at)
    return JobState(at, started_at, active, succeeded, failed, last_failure_at)


def _is_finished(pod: Object) -> bool:
    return (pod.get("status") or {}).get("phase") in FINISHED


def epoch(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
