"""Makes a Job's pods and tells in its status what became of them."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from knative.local.controller import RequeueAfter
from knative.local.jobs.decision import Facts, Finish, Start, Suspend, Wait, decide
from knative.local.jobs.push import push
from knative.local.objects import Object, now
from knative.local.serving.conditions import Condition, read, written
from knative.local.serving.pod_exit import Exit
from knative.local.serving.pod_registry import FINISHED, Pods
from knative.local.serving.pod_state import State
from knative.local.serving.pods import Pod
from knative.local.store import NotFound, Store

log = logging.getLogger(__name__)

JOB = "Job.batch"
PREFIX = "batch.kubernetes.io/"


class Jobs:
    kind = JOB

    def __init__(self, store: Store, pods: Pods) -> None:
        self._store, self._pods = store, pods
        self._running: dict[str, Pod] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[tuple[str | None, str]]]]:
        def of_pod(pod: Object) -> Iterable[tuple[str | None, str]]:
            name = (pod["metadata"].get("labels") or {}).get(PREFIX + "job-name")
            return [(pod["metadata"]["namespace"], name)] if name else []

        return {"Pod": of_pod}

    async def on_deleted(self, object: Object) -> None:
        """Its pods name it as their owner: their objects are collected, and with an object goes its process."""

    async def reconcile(self, object: Object) -> None:
        if "deletionTimestamp" in object["metadata"]:
            return
        status = object.get("status") or {}
        finished = finished_at(object)
        if finished is not None:
            await self._expire(object, finished)
            return
        pods = self._of(object)
        started = status.get("startTime") or now()
        facts = facts_of(pods, epoch(started), time.time())
        step = decide(object["spec"], facts)
        if isinstance(step, Start):
            pods = [*pods, self._start(object)]
        elif isinstance(step, Finish | Suspend):
            await self._end([pod for pod in pods if not _ended(pod)])
            pods = self._of(object)
        self._tell(object, pods, started, step)
        if isinstance(step, Wait) and step.seconds is not None:
            raise RequeueAfter(max(step.seconds, 0.01), "a limit of time")
        if isinstance(step, Finish) and object["spec"].get("ttlSecondsAfterFinished") is not None:
            raise RequeueAfter(float(object["spec"]["ttlSecondsAfterFinished"]), "its time to live")

    async def _expire(self, object: Object, finished: float) -> None:
        left_to_live = object["spec"].get("ttlSecondsAfterFinished")
        if left_to_live is None:
            return
        left = finished + float(left_to_live) - time.time()
        if left > 0:
            raise RequeueAfter(left, "its time to live")
        with contextlib.suppress(NotFound):
            self._store.delete(JOB, object["metadata"]["namespace"], object["metadata"]["name"])

    def _of(self, job: Object) -> list[Object]:
        metadata = job["metadata"]
        return self._store.list("Pod", metadata["namespace"], {PREFIX + "controller-uid": metadata["uid"]})

    def _start(self, job: Object) -> Object:
        metadata = job["metadata"]
        names = {"job-name": metadata["name"], "controller-uid": metadata["uid"]}
        labels = {**names, **{PREFIX + name: value for name, value in names.items()}}
        object = self._pods.make(job, metadata["name"], job["spec"]["template"], labels)
        grace = float(object["spec"].get("terminationGracePeriodSeconds", 30))
        pod = self._pods.run(object, self._changed, restart=False, grace=grace, finishing=self._finishing)
        self._running[pod.uid] = pod
        return object

    async def _finishing(self, pod: Pod, exit: Exit) -> Exit:
        return await push(pod, exit, self._pods.node.hand_over)

    def _changed(self, pod: Pod) -> None:
        if pod.state is State.ENDED:
            self._running.pop(pod.uid, None)
            self._pods.keep_object(pod)

    async def _end(self, objects: Sequence[Object]) -> None:
        running = [self._running[object["metadata"]["uid"]] for object in objects if object["metadata"]["uid"] in self._running]
        await asyncio.gather(*(pod.stop() for pod in running))

    def _tell(self, job: Object, pods: Sequence[Object], started: str, step: Start | Wait | Suspend | Finish) -> None:
        metadata, before = job["metadata"], job.get("status") or {}
        phases = [(pod.get("status") or {}).get("phase") for pod in pods]
        conditions: dict[str, Condition] = {}
        status: dict[str, Any] = {
            "startTime": started, "active": sum(phase not in FINISHED for phase in phases), "terminating": 0,
            "succeeded": phases.count("Succeeded"), "failed": phases.count("Failed"), "uncountedTerminatedPods": {},
            "ready": sum(bool(read(pod, "Ready") == Condition("True")) for pod in pods),
        }  # fmt: skip
        if isinstance(step, Finish):
            names = ("SuccessCriteriaMet", "Complete") if step.complete else ("FailureTarget", "Failed")
            conditions = {name: Condition("True", step.reason, step.message) for name in names}
            if step.complete:
                status["completionTime"] = now()
        elif isinstance(step, Suspend):
            conditions = {"Suspended": Condition("True", "JobSuspended", "Job suspended")}
        at = now()
        entries = written(conditions, before.get("conditions") or [], at)
        status["conditions"] = [{**entry, "lastProbeTime": at} for entry in entries] if entries else []
        with contextlib.suppress(NotFound):
            self._store.set_status(
                JOB, metadata["namespace"], metadata["name"], {key: value for key, value in status.items() if value not in (0, [])}
            )


def finished_at(job: Object) -> float | None:
    for entry in (job.get("status") or {}).get("conditions") or []:
        if entry["type"] in ("Complete", "Failed") and entry["status"] == "True":
            return epoch(entry["lastTransitionTime"])
    return None


def facts_of(pods: Sequence[Object], started: float, at: float) -> Facts:
    active = succeeded = failed = 0
    last = 0.0
    for pod in pods:
        phase = (pod.get("status") or {}).get("phase")
        if phase == "Succeeded":
            succeeded += 1
        elif phase != "Failed":
            active += 1
        elif read(pod, "DisruptionTarget") is None:
            failed += 1
            entries = pod["status"].get("containerStatuses") or [{}]
            ended = entries[0].get("state", {}).get("terminated", {}).get("finishedAt")
            last = max(last, epoch(ended) if ended else at)
    return Facts(at, started, active, succeeded, failed, last)


def _ended(pod: Object) -> bool:
    return (pod.get("status") or {}).get("phase") in FINISHED


def epoch(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
