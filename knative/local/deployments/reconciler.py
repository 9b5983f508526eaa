"""Runs the pods of Deployments and reports them in their status."""

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from knative.local.controller import Key, RequeueAfter
from knative.local.deployments.decision import PodFact, count_available, decide
from knative.local.objects import Object, now
from knative.local.serving.conditions import Condition, condition_entries
from knative.local.serving.pods.pod import DEFAULT_GRACE_SECONDS, Pod
from knative.local.serving.pods.registry import Pods
from knative.local.serving.pods.state import Stage
from knative.local.store import NotFound, Store

DEPLOYMENT = "Deployment.apps"
TEMPLATE_HASH = "pod-template-hash"
MIN_REQUEUE_SECONDS = 0.05


@dataclass(slots=True)
class _Running:
    pod: Pod
    template_hash: str
    ready_at: float | None = None


class Deployments:
    """`pods` run under the sandbox of every tenant's pod, and restart with its back-off."""

    kind = DEPLOYMENT

    def __init__(self, store: Store, pods: Pods) -> None:
        self._store, self._pods = store, pods
        self._running: dict[str, dict[str, _Running]] = {}
        """uid of the Deployment → uid of the pod → what runs."""
        self._ending: dict[str, dict[asyncio.Task[None], str]] = {}
        """uid of the Deployment → what ends, and its template's hash."""

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[Key]]]:
        def deployment_of(pod: Object) -> Iterable[Key]:
            owners = pod["metadata"].get("ownerReferences") or ()
            return [(pod["metadata"]["namespace"], owner["name"]) for owner in owners if owner["kind"] == "Deployment"]

        return {"Pod": deployment_of}

    async def on_deleted(self, object: Object) -> None:
        """The garbage collector deletes the pods, and deleting a pod ends its processes."""
        self._running.pop(object["metadata"]["uid"], None)
        self._ending.pop(object["metadata"]["uid"], None)

    async def reconcile(self, object: Object) -> None:
        metadata, spec = object["metadata"], object["spec"]
        if "deletionTimestamp" in metadata:
            return
        uid, template_hash = metadata["uid"], hash_of(spec["template"])
        running = self._running.setdefault(uid, {})
        for each in list(running.values()):
            if not self._store.exists(each.pod.uid):  # deleted over the API, which ends it
                self._stop(uid, running, each)
        clock = asyncio.get_running_loop().time
        ending = sum(each != template_hash for each in self._ending.get(uid, {}).values())
        plan = decide(spec, self._facts(running, template_hash), ending, clock())
        by_name = {each.pod.name: each for each in running.values()}
        for name in plan.stop:
            self._stop(uid, running, by_name[name])
        for _ in range(plan.start):
            self._start(object, running, template_hash)
        self._write_status(object, self._facts(running, template_hash), clock())
        if plan.wait_seconds is not None:
            raise RequeueAfter(max(plan.wait_seconds, MIN_REQUEUE_SECONDS), "minReadySeconds")

    def _facts(self, running: Mapping[str, _Running], template_hash: str) -> list[PodFact]:
        return [PodFact(each.pod.name, each.template_hash == template_hash, each.ready_at) for each in running.values()]

    def _start(self, deployment: Object, running: dict[str, _Running], template_hash: str) -> None:
        template = deployment["spec"]["template"]
        name = f"{deployment['metadata']['name'][:46]}-{template_hash}"
        created = self._pods.create(deployment, name, template, {TEMPLATE_HASH: template_hash})
        grace = float(created["spec"].get("terminationGracePeriodSeconds", DEFAULT_GRACE_SECONDS))

        def on_change(pod: Pod) -> None:
            entry = running.get(pod.uid)
            if entry is None:
                return
            if pod.state.stage is Stage.ENDED:  # evicted: its object stays and says why, and another pod takes its place
                del running[pod.uid]
            elif not pod.state.is_ready:
                entry.ready_at = None
            elif entry.ready_at is None:
                entry.ready_at = asyncio.get_running_loop().time()

        pod = self._pods.run(created, on_change, restarts_always=True, grace_seconds=grace)
        running[pod.uid] = _Running(pod, template_hash)

    def _stop(self, uid: str, running: dict[str, _Running], each: _Running) -> None:
        """Ask a pod to end: SIGTERM, and SIGKILL after its grace. The change of its object reconciles again."""
        del running[each.pod.uid]
        ending = self._ending.setdefault(uid, {})
        task = asyncio.create_task(self._pods.delete(each.pod), name=f"end pod {each.pod.name}")
        ending[task] = each.template_hash
        task.add_done_callback(ending.pop)

    def _write_status(self, deployment: Object, facts: list[PodFact], at: float) -> None:
        metadata, spec, before = deployment["metadata"], deployment["spec"], deployment.get("status") or {}
        replicas, available = int(spec.get("replicas", 1)), count_available(spec, facts, at)
        updated = [each for each in facts if each.is_current]
        is_complete = len(updated) == len(facts) == replicas and available >= replicas
        conditions = {
            "Available": Condition("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
            if available >= replicas
            else Condition("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability."),
            "Progressing": Condition("True", "NewReplicaSetAvailable" if is_complete else "ReplicaSetUpdated"),
        }
        counts = {
            "replicas": len(facts), "updatedReplicas": len(updated), "availableReplicas": available,
            "readyReplicas": sum(each.ready_at is not None for each in facts), "unavailableReplicas": max(replicas - available, 0),
        }  # fmt: skip
        status: dict[str, Any] = {
            "observedGeneration": metadata.get("generation", 1),
            **{name: count for name, count in counts.items() if count},
            "conditions": condition_entries(conditions, before.get("conditions") or [], now()),
        }
        with contextlib.suppress(NotFound):
            self._store.set_status(DEPLOYMENT, metadata["namespace"], metadata["name"], status)


def hash_of(template: Mapping[str, Any]) -> str:
    """Return what tells one template from another, as a label value."""
    return hashlib.sha256(orjson.dumps(template, option=orjson.OPT_SORT_KEYS)).hexdigest()[:10]
