"""A cluster without processes: it keeps what is applied as a Kubernetes API does (generations, resource versions), and a test says what its
controllers would have found. What it then answers is read from those objects by the same rules as from a real one's."""

from copy import deepcopy
from itertools import count
from typing import Any
from uuid import UUID

from functions.deploy.domain import manifests
from functions.deploy.domain.manifests import APPLICATION, ENVIRONMENT, Manifest
from functions.deploy.domain.observation import DEPLOYMENT_LABEL, Gone, NotServing, Observation, read_build, read_instances, read_rollout, read_task
from functions.deploy.domain.status import Awaited
from functions.deploy.ports import ClusterRefused, ClusterUnavailable

Key = tuple[str, str, str]


class MemoryCluster:
    def __init__(self) -> None:
        self.objects: dict[Key, dict[str, Any]] = {}
        self.away = False
        self.refusing = ""
        self.revisions: set[tuple[str, str]] = set()
        """(namespace, name) of those that were ready once and are kept."""
        self._versions = count(1)
        self._pods: dict[Key, list[dict[str, Any]]] = {}
        self._revisions: dict[Key, dict[str, Any]] = {}

    async def apply(self, *objects: Manifest) -> None:
        for each in objects:
            self._reach()
            if self.refusing:
                raise ClusterRefused(self.refusing)
            metadata = each["metadata"]
            if "namespace" in metadata and ("Namespace", "", metadata["namespace"]) not in self.objects:
                raise ClusterRefused(f'namespaces "{metadata["namespace"]}" not found')
            self._keep((each["kind"], metadata.get("namespace", ""), metadata["name"]), deepcopy(each))

    async def observe(self, awaited: Awaited) -> Observation | None:
        self._reach()
        key = (awaited.kind, awaited.namespace, awaited.name)
        found = self.objects.get(key)
        if found is None:
            return Gone()
        if awaited.kind == "Job":
            return (read_task if awaited.task else read_build)(found, self._pods.get(key, []))
        seen = read_rollout(found, self._revisions.get(key), awaited.deployment_id, awaited.pinned)
        crashed = read_instances(self._pods.get(key, [])) if awaited.taking_traffic and not isinstance(seen, NotServing) else None
        return crashed or seen

    async def replace_service(self, awaited: Awaited, manifest: Manifest | None, pinned: str | None = None) -> None:
        self._reach()
        key = ("Service", awaited.namespace, awaited.name)
        found = self.objects.get(key)
        if found is None or found["spec"]["template"]["metadata"]["labels"][DEPLOYMENT_LABEL] != str(awaited.deployment_id):
            return
        if manifest is None:
            del self.objects[key]
        else:
            there = (awaited.namespace, pinned) in self.revisions
            self._keep(key, deepcopy(manifests.pinned(manifest, pinned) if pinned and there else manifest))

    async def remove_job(self, namespace: str, name: str) -> None:
        self._reach()
        self.objects.pop(("Job", namespace, name), None)

    async def remove_environment(self, namespace: str, service: str, application_id: UUID, environment: str) -> None:
        self._reach()
        self.objects.pop(("Service", namespace, service), None)
        for key, each in list(self.objects.items()):
            labels = each["metadata"].get("labels", {})
            if key[:2] == ("Secret", namespace) and (labels[APPLICATION], labels[ENVIRONMENT]) == (str(application_id), environment):
                del self.objects[key]

    async def remove_namespace(self, name: str, application_id: UUID) -> None:
        self._reach()
        found = self.objects.get(("Namespace", "", name))
        if found is None or found["metadata"]["labels"][APPLICATION] != str(application_id):
            return
        for key in [key for key in self.objects if name in (key[1], key[2] if key[0] == "Namespace" else "")]:
            del self.objects[key]

    # -- what controllers would have found ----------------------------------------------------------------------------

    def job_ended(self, namespace: str, name: str, message: str | None, *, code: int = 0, reason: str = "") -> None:
        key = ("Job", namespace, name)
        terminated: dict[str, Any] = {"exitCode": code, "finishedAt": "2026-11-22T12:00:00Z"} | ({"message": message} if message is not None else {})
        self._pods[key] = [{"status": {"containerStatuses": [{"state": {"terminated": terminated}}]}}]
        condition = {"type": "Failed" if code or reason else "Complete", "status": "True", "reason": reason or "BackoffLimitExceeded"}
        self.objects[key]["status"] = {"conditions": [condition]}

    def service_became(self, namespace: str, name: str, status: str, *, revision: dict[str, Any] | None = None, **condition: str) -> None:
        key = ("Service", namespace, name)
        service = self.objects[key]
        newest = f"{name}-{service['metadata']['generation']:05}"
        if status == "True":
            self.revisions.add((namespace, newest))
        (routed,) = service["spec"]["traffic"]
        service["status"] = {
            "observedGeneration": service["metadata"]["generation"],
            "url": f"http://{name}.localhost:7080",
            "latestReadyRevisionName": newest,
            "latestCreatedRevisionName": newest,
            "traffic": [{"revisionName": routed.get("revisionName", newest), "percent": 100}],
            "conditions": [
                {"type": "Ready", "status": status, **condition},
                {"type": "RoutesReady", "status": "True" if "revisionName" in routed else status},
            ],
        }
        self._revisions[key] = revision or {}

    def instance_restarted(self, namespace: str, name: str, code: int, message: str = "") -> None:
        terminated = {"exitCode": code, "message": message}
        self._pods["Service", namespace, name] = [{"status": {"containerStatuses": [{"restartCount": 1, "lastState": {"terminated": terminated}}]}}]

    def _keep(self, key: Key, wanted: dict[str, Any]) -> None:
        before = self.objects.get(key)
        same = before is not None and before.get("spec") == wanted.get("spec")
        wanted["metadata"]["generation"] = before["metadata"]["generation"] + (0 if same else 1) if before else 1
        wanted["metadata"]["resourceVersion"] = str(next(self._versions))
        if before and "status" in before:
            wanted["status"] = before["status"]
        self.objects[key] = wanted

    def _reach(self) -> None:
        if self.away:
            raise ClusterUnavailable("connection refused")
