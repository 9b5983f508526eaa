"""An in-memory cluster. It stores applied objects as the Kubernetes API does (generations, resource versions), and a
test sets the status that the controllers would set. Observations are read from the objects by the same functions as
from a real cluster's."""

from collections.abc import Awaitable, Callable
from copy import deepcopy
from itertools import count
from typing import Any
from uuid import UUID

from functions.deploy.domain import manifests
from functions.deploy.domain.autoscaling_readings import AutoscalerReading, read_autoscalers
from functions.deploy.domain.cluster_readings import read_build_job, read_instances, read_release_job, read_service
from functions.deploy.domain.deployment import WatchedObject
from functions.deploy.domain.function_instances import FunctionService, read_functions
from functions.deploy.domain.inspection import Outcome
from functions.deploy.domain.inspection_readings import read_inspection_job
from functions.deploy.domain.instances import Instance, read_instances_of
from functions.deploy.domain.manifests import APPLICATION, DEPLOYMENT, ENVIRONMENT, Manifest
from functions.deploy.domain.observation import Observation, ResourceDeleted, ServiceFailed
from functions.deploy.domain.pod_readings import read_start
from functions.deploy.domain.process_scaling import ScalingReading, read_scaling
from functions.deploy.domain.run import RunOutcome, read_run, read_running_pod
from functions.deploy.domain.tenancy import PLATFORM
from functions.deploy.domain.workloads import KINDS, Workloads
from functions.deploy.ports import ClusterRefused, ClusterUnavailable

Key = tuple[str, str, str]


class MemoryApplicationRequests:
    """Applications that serve, unless a test says why they do not."""

    def __init__(self) -> None:
        self.failure: ServiceFailed | None = None
        self.requests: list[tuple[str, str]] = []
        """(URL, path) of each request."""

    async def find_failure(self, url: str, path: str) -> ServiceFailed | None:
        self.requests.append((url, path))
        return self.failure


class MemoryCluster:
    def __init__(self) -> None:
        self.objects: dict[Key, dict[str, Any]] = {}
        self.is_unavailable = False
        self.refusal = ""
        self.revisions: set[tuple[str, str]] = set()
        """(namespace, name) of revisions that were ready once and still exist."""
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        """Runs once, after the next observation and before its observer goes on."""
        self._versions = count(1)
        self._pods: dict[Key, list[dict[str, Any]]] = {}
        self._revisions: dict[Key, dict[str, Any]] = {}

    async def apply(self, *objects: Manifest) -> None:
        self._apply(*objects)

    async def apply_owned(self, owner: Manifest, owned: Manifest) -> None:
        self._apply(owned, owner)

    def _apply(self, *objects: Manifest) -> None:
        for each in objects:
            self._reach()
            if self.refusal:
                raise ClusterRefused(self.refusal)
            metadata = each["metadata"]
            if "namespace" in metadata and ("Namespace", "", metadata["namespace"]) not in self.objects:
                raise ClusterRefused(f'namespaces "{metadata["namespace"]}" not found')
            self._keep((each["kind"], metadata.get("namespace", ""), metadata["name"]), deepcopy(each))

    async def observe(self, watched: WatchedObject) -> Observation | None:
        self._reach()
        observation = self._observe(watched)
        if (meanwhile := self.meanwhile) is not None:
            self.meanwhile = None
            await meanwhile()
        return observation

    def _observe(self, watched: WatchedObject) -> Observation | None:
        key = (watched.kind, watched.namespace, watched.name)
        stored = self.objects.get(key)
        if stored is None:
            return ResourceDeleted()
        if watched.kind == "Job":
            return (read_release_job if watched.is_release_phase else read_build_job)(stored, self._pods.get(key, []))
        observation = read_service(stored, self._revisions.get(key), watched.deployment_id, watched.pinned_revision)
        crashed = (
            read_instances(self._pods.get(key, []), self._revisions.get(key))
            if watched.has_traffic and not isinstance(observation, ServiceFailed)
            else None
        )
        if observation is None and watched.pinned_revision is None and not watched.has_traffic:
            return read_start(self._pods.get(key, []))
        return crashed or observation

    async def list_instances(self, namespace: str, service: str) -> list[Instance]:
        self._reach()
        return read_instances_of(self._pods.get(("Service", namespace, service), []))

    async def list_processes(self, workloads: Workloads) -> list[Instance]:
        self._reach()
        return read_instances_of([pod for key, pods in self._pods.items() if self._is_of(key, workloads, ("Deployment",)) for pod in pods])

    async def replace_workloads(self, workloads: Workloads, *objects: Manifest) -> None:
        self._reach()
        self._apply(*objects)
        kept = {(each["kind"], workloads.namespace, each["metadata"]["name"]) for each in objects}
        for key in [key for key in self.objects if key not in kept and self._is_of(key, workloads, KINDS)]:
            del self.objects[key]
            self._pods.pop(key, None)

    async def list_autoscalers(self, workloads: Workloads) -> list[AutoscalerReading]:
        self._reach()
        return read_autoscalers(each for key, each in self.objects.items() if self._is_of(key, workloads, ("HorizontalPodAutoscaler",)))

    async def read_scaling(self, namespace: str, deployment: str) -> ScalingReading | None:
        self._reach()
        stored = self.objects.get(("Deployment", namespace, deployment))
        if stored is None:
            return None
        labels = stored["metadata"]["labels"]
        workloads = Workloads(namespace, UUID(labels[APPLICATION]), labels[ENVIRONMENT])
        return read_scaling(stored, await self.list_autoscalers(workloads))

    def _is_of(self, key: Key, workloads: Workloads, kinds: tuple[str, ...]) -> bool:
        labels = self.objects.get(key, {}).get("metadata", {}).get("labels", {})
        of_environment = labels.get(APPLICATION) == str(workloads.application_id) and labels.get(ENVIRONMENT) == workloads.environment
        return key[0] in kinds and key[1] == workloads.namespace and of_environment

    def functions(self) -> list[FunctionService]:
        """What `MemoryFunctionServices` reads."""
        self._reach()
        services = [each for (kind, namespace, _), each in self.objects.items() if (kind, namespace) == ("Service", PLATFORM)]
        return read_functions(services, [pod for key, pods in self._pods.items() if key[:2] == ("Service", PLATFORM) for pod in pods])

    async def observe_run(self, namespace: str, job: str) -> RunOutcome | None:
        self._reach()
        key = ("Job", namespace, job)
        return read_run(self.objects.get(key), self._pods.get(key, []))

    async def observe_inspection(self, namespace: str, job: str) -> Outcome | None:
        self._reach()
        key = ("Job", namespace, job)
        stored = self.objects.get(key)
        return read_inspection_job(stored, self._pods.get(key, [])) if stored is not None else None

    async def find_running_pod(self, namespace: str, job: str) -> str | None:
        self._reach()
        return read_running_pod(self._pods.get(("Job", namespace, job), []))

    async def replace_service(self, watched: WatchedObject, manifest: Manifest | None, pinned_revision: str | None = None) -> None:
        self._reach()
        key = ("Service", watched.namespace, watched.name)
        stored = self.objects.get(key)
        if stored is None or stored["spec"]["template"]["metadata"]["labels"][DEPLOYMENT] != str(watched.deployment_id):
            return
        if manifest is None:
            del self.objects[key]
        else:
            exists = (watched.namespace, pinned_revision) in self.revisions
            self._keep(key, deepcopy(manifests.pin_traffic(manifest, pinned_revision) if pinned_revision and exists else manifest))

    async def delete_job(self, namespace: str, name: str) -> None:
        self._reach()
        for kind in ("Job", "Secret"):  # a build's Secret has the name of its Job, its owner
            self.objects.pop((kind, namespace, name), None)

    async def delete_environment(self, namespace: str, service: str, application_id: UUID, environment: str) -> None:
        self._reach()
        self.objects.pop(("Service", namespace, service), None)
        for key, each in list(self.objects.items()):
            labels = each["metadata"].get("labels", {})
            if (
                key[0] in ("Secret", *KINDS)
                and key[1] == namespace
                and (labels[APPLICATION], labels[ENVIRONMENT]) == (str(application_id), environment)
            ):
                del self.objects[key]

    async def delete_namespace(self, name: str, application_id: UUID) -> None:
        self._reach()
        stored = self.objects.get(("Namespace", "", name))
        if stored is None or stored["metadata"]["labels"][APPLICATION] != str(application_id):
            return
        for key in [key for key in self.objects if name in (key[1], key[2] if key[0] == "Namespace" else "")]:
            del self.objects[key]

    # -- status that controllers set ----------------------------------------------------------------------------

    def job_ended(
        self, namespace: str, name: str, message: str | None, *, code: int = 0, reason: str = "", container_reason: str = "", has_pod: bool = True
    ) -> None:
        """`reason`: of the Job's condition. `container_reason`: of its container. `has_pod`: False if the pod is gone."""
        key = ("Job", namespace, name)
        terminated: dict[str, Any] = {"exitCode": code, "reason": container_reason, "finishedAt": "2026-11-22T12:00:00Z"}
        terminated |= {"message": message} if message is not None else {}
        self._pods[key] = [{"status": {"containerStatuses": [{"state": {"terminated": terminated}}]}}] if has_pod else []
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

    def instance_restarted(self, namespace: str, name: str, code: int, message: str = "", reason: str = "Error") -> None:
        terminated = {"exitCode": code, "message": message, "reason": reason}
        self._pods["Service", namespace, name] = [{"status": {"containerStatuses": [{"restartCount": 1, "lastState": {"terminated": terminated}}]}}]

    def run_instances(self, namespace: str, name: str, *pods: dict[str, Any]) -> None:
        self._pods["Service", namespace, name] = list(pods)

    def process_exited(self, namespace: str, name: str, code: int, message: str = "") -> None:
        """An instance of a Deployment exits and waits to be started again."""
        status = {
            "name": "worker",
            "ready": False,
            "restartCount": 1,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": code, "message": message}},
        }
        template = self.objects["Deployment", namespace, name]["spec"]["template"]["metadata"]
        metadata = {**template, "name": f"{name}-1", "creationTimestamp": "2026-11-22T12:00:00Z"}
        self._pods["Deployment", namespace, name] = [{"metadata": metadata, "status": {"phase": "Running", "containerStatuses": [status]}}]

    def start_pod(self, namespace: str, service: str, *, name: str, at: str) -> None:
        """A ready pod of a Service, as kubelet reports it."""
        labels = {"serving.knative.dev/service": service}
        status = {"phase": "Running", "containerStatuses": [{"name": "user-container", "ready": True, "restartCount": 0, "state": {"running": {}}}]}
        pod = {"metadata": {"name": name, "labels": labels, "creationTimestamp": at}, "status": status}
        self._pods.setdefault(("Service", namespace, service), []).append(pod)

    def _keep(self, key: Key, manifest: dict[str, Any]) -> None:
        before = self.objects.get(key)
        same = before is not None and before.get("spec") == manifest.get("spec")
        manifest["metadata"]["generation"] = before["metadata"]["generation"] + (0 if same else 1) if before else 1
        manifest["metadata"]["resourceVersion"] = str(next(self._versions))
        if before and "status" in before:
            manifest["status"] = before["status"]
        self.objects[key] = manifest

    def pods(self, namespace: str, job: str) -> list[dict[str, Any]]:
        """The pods of a Job that has ended."""
        return self._pods.get(("Job", namespace, job), [])

    def _reach(self) -> None:
        if self.is_unavailable:
            raise ClusterUnavailable("connection refused")


class MemoryFunctionServices:
    """The platform's Services of a MemoryCluster."""

    def __init__(self, cluster: MemoryCluster) -> None:
        self._cluster = cluster

    async def list_functions(self) -> list[FunctionService]:
        return self._cluster.functions()
