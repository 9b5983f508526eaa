"""The cluster, through the official Kubernetes client: Knative on a cluster and on one machine, with the same calls.

The client blocks, so every call runs in a thread.
"""

import asyncio
import time
from contextlib import suppress
from typing import Any
from uuid import UUID

from functions.deploy.adapters.kubernetes_errors import AlreadyExists, NotFound
from functions.deploy.adapters.kubernetes_workloads import APPLY, KubernetesWorkloads
from functions.deploy.domain import manifests
from functions.deploy.domain.cluster_readings import read_build_job, read_instances, read_release_job, read_service
from functions.deploy.domain.deployment import WatchedObject
from functions.deploy.domain.inspection import Outcome
from functions.deploy.domain.inspection_readings import read_inspection_job
from functions.deploy.domain.instances import Instance, read_instances_of
from functions.deploy.domain.manifests import APPLICATION, COMPONENT, DEPLOYMENT, Manifest
from functions.deploy.domain.observation import Observation, ResourceDeleted
from functions.deploy.domain.pod_readings import read_start
from functions.deploy.domain.process_scaling import FIELD_MANAGER
from functions.deploy.domain.run import RunOutcome, read_run, read_running_pod
from functions.deploy.domain.service_tenancy import SERVICE_ROLE
from functions.deploy.domain.workloads import Workloads
from functions.deploy.ports import ClusterRefused, ClusterUnavailable
from functions.runtime.storage.external_call import external_call

SERVING = {"group": "serving.knative.dev", "version": "v1"}
NAMESPACE_DELETION_TIMEOUT_SECONDS = 5.0
ROLE_BINDING_TIMEOUT_SECONDS = 5.0
RBAC = "rbac.authorization.k8s.io"


class KubernetesCluster(KubernetesWorkloads):
    @external_call
    async def apply(self, *objects: Manifest) -> None:
        for each in objects:
            try:
                await asyncio.to_thread(self._apply, each)
            except NotFound as missing:
                raise ClusterRefused(str(missing)) from missing

    @external_call
    async def apply_owned(self, owner: Manifest, owned: Manifest) -> None:
        try:
            await asyncio.to_thread(self._apply, owned)
            applied = await asyncio.to_thread(self._apply, owner)
            reference = {
                "apiVersion": owner["apiVersion"],
                "kind": owner["kind"],
                "name": owner["metadata"]["name"],
                "uid": applied["metadata"]["uid"],
            }
            await asyncio.to_thread(self._apply, {**owned, "metadata": {**owned["metadata"], "ownerReferences": [reference]}})
        except NotFound as missing:
            raise ClusterRefused(str(missing)) from missing

    @external_call
    async def observe(self, watched: WatchedObject) -> Observation | None:
        try:
            return await asyncio.to_thread(self._observe, watched)
        except NotFound:
            return ResourceDeleted()

    @external_call
    async def list_instances(self, namespace: str, service: str) -> list[Instance]:
        with suppress(NotFound):
            selector = {"label_selector": f"serving.knative.dev/service={service}"}
            pods = await asyncio.to_thread(self._within, namespace, self._core().list_namespaced_pod, namespace, **selector)
            return read_instances_of(pods["items"])
        return []

    @external_call
    async def observe_run(self, namespace: str, job: str) -> RunOutcome | None:
        with suppress(NotFound):
            return await asyncio.to_thread(self._observe_run, namespace, job)
        return None

    @external_call
    async def observe_inspection(self, namespace: str, job: str) -> Outcome | None:
        with suppress(NotFound):
            return await asyncio.to_thread(self._observe_inspection, namespace, job)
        return None

    @external_call
    async def find_running_pod(self, namespace: str, job: str) -> str | None:
        with suppress(NotFound):
            return read_running_pod(await asyncio.to_thread(self._pods_of_job, namespace, job))
        return None

    @external_call
    async def replace_service(self, watched: WatchedObject, manifest: Manifest | None, pinned_revision: str | None = None) -> None:
        try:
            await asyncio.to_thread(self._replace_service, watched, manifest, pinned_revision)
        except NotFound:
            return  # the Service does not exist

    @external_call
    async def delete_job(self, namespace: str, name: str) -> None:
        def delete() -> None:
            self._within(namespace, self._batch().delete_namespaced_job, name, namespace, propagation_policy="Background")

        try:
            await asyncio.to_thread(delete)
        except NotFound:
            return

    @external_call
    async def delete_environment(self, namespace: str, service: str, application_id: UUID, environment: str) -> None:
        await asyncio.to_thread(self._delete_environment, service, Workloads(namespace, application_id, environment))

    @external_call
    async def delete_namespace(self, name: str, application_id: UUID) -> None:
        try:
            await asyncio.to_thread(self._delete_namespace, name, application_id)
            async with asyncio.timeout(NAMESPACE_DELETION_TIMEOUT_SECONDS):
                while True:
                    await asyncio.to_thread(self._namespace, name, application_id)
                    await asyncio.sleep(0.2)
        except NotFound:
            return
        except TimeoutError:
            raise ClusterUnavailable(f"namespace {name} is still being deleted") from None

    def _apply(self, manifest: Manifest) -> Any:
        """Returns the object as the cluster stores it, of the kinds that other objects refer to; else None."""
        metadata = manifest["metadata"]
        patch = {"body": manifest, "field_manager": FIELD_MANAGER, "force": True, "_content_type": APPLY}
        key = (metadata["name"], metadata.get("namespace"))
        match manifest["kind"]:
            case "Namespace":
                self._apply_namespace(manifest, patch)
            case "RoleBinding":
                self._bind(manifest)
            case "ResourceQuota":
                self._within(key[1], self._core().patch_namespaced_resource_quota, *key, **patch)
            case "NetworkPolicy":
                try:
                    self._apply_other("networking.k8s.io", "networkpolicies", manifest, patch)
                except NotFound:
                    return  # one machine has no such API: its sandbox limits the network
            case "ServiceAccount":
                self._within(key[1], self._core().patch_namespaced_service_account, *key, **patch)
            case "Secret":
                self._within(key[1], self._core().patch_namespaced_secret, *key, **patch)
            case "Job":
                return self._within(key[1], self._batch().patch_namespaced_job, *key, **patch)
            case "Service":
                self._apply_other(SERVING["group"], "services", manifest, patch)
            case other:
                raise ValueError(f"deploy does not apply objects of kind {other}")
        return None

    def _apply_namespace(self, manifest: Manifest, patch: dict[str, Any]) -> None:
        """Create the namespace, or update the labels of an existing one. Server-side apply would need the verb `patch`
        before the namespace exists, and the account has it only where it is bound to the tenant role.

        Raises ClusterUnavailable while an earlier namespace of that name is being deleted, ClusterRefused if it belongs
        to another application.
        """
        name, labels = manifest["metadata"]["name"], manifest["metadata"]["labels"]
        try:
            self._call(self._core().create_namespace, manifest, field_manager=FIELD_MANAGER)
            return
        except AlreadyExists:
            existing = self._find_namespace(name)
        if existing is None or "deletionTimestamp" in existing:
            raise ClusterUnavailable(f"namespace {name} is still being deleted")
        owner, own_id = existing.get("labels", {}).get(APPLICATION), labels[APPLICATION]
        if owner != own_id:
            raise ClusterRefused(f"namespace {name} belongs to application {owner} (label {APPLICATION}), not to {own_id}")
        if not labels.items() <= existing["labels"].items():
            self._within(name, self._core().patch_namespace, name, **patch)

    def _find_namespace(self, name: str) -> Any:
        """The namespace's metadata, or None."""
        try:
            return self._call(self._core().read_namespace, name)["metadata"]
        except NotFound:
            return None

    def _bind(self, manifest: Manifest) -> None:
        """Create the RoleBinding once, and wait until it is in force: authorizers read bindings from a cache."""
        namespace = manifest["metadata"]["namespace"]
        resource = {"group": RBAC, "version": "v1", "namespace": namespace, "plural": "rolebindings"}
        try:
            self._call(self._custom().create_namespaced_custom_object, **resource, body=manifest, field_manager=FIELD_MANAGER)
        except AlreadyExists:
            return
        until = time.monotonic() + ROLE_BINDING_TIMEOUT_SECONDS
        group, kind = ("apps", "statefulsets") if manifest["roleRef"]["name"] == SERVICE_ROLE else ("batch", "jobs")
        while not self._may_create(namespace, group, kind):
            if time.monotonic() > until:
                raise ClusterUnavailable(
                    f"the RoleBinding {manifest['metadata']['name']} in {namespace} is not in force after {ROLE_BINDING_TIMEOUT_SECONDS:g} s"
                )
            time.sleep(0.1)

    def _may_create(self, namespace: str, group: str, resource: str) -> bool:
        attributes = {"namespace": namespace, "verb": "create", "group": group, "resource": resource}
        review = self._call(self._authorization().create_self_subject_access_review, {"spec": {"resourceAttributes": attributes}})
        return bool(review["status"]["allowed"])

    def _apply_other(self, group: str, plural: str, manifest: Manifest, patch: dict[str, Any]) -> None:
        metadata = manifest["metadata"]
        resource = {"group": group, "version": "v1", "plural": plural, "namespace": metadata["namespace"], "name": metadata["name"]}
        self._within(metadata["namespace"], self._custom().patch_namespaced_custom_object, **resource, **patch)

    def _observe(self, watched: WatchedObject) -> Observation | None:
        if watched.kind == "Job":
            job = self._within(watched.namespace, self._batch().read_namespaced_job, watched.name, watched.namespace)
            pods = self._pods_of_job(watched.namespace, watched.name)
            return (read_release_job if watched.is_release_phase else read_build_job)(job, pods)
        service = self._service(watched)
        latest = service.get("status", {}).get("latestCreatedRevisionName")
        revision = self._revision(watched.namespace, latest) if latest else None
        observation = read_service(service, revision, watched.deployment_id, watched.pinned_revision)
        if watched.has_traffic:  # an exit says more than the failure that the Service derives from it
            return read_instances(self._pods(watched.namespace, f"serving.knative.dev/revision={latest}"), revision) or observation
        if observation is None and watched.pinned_revision is None:  # Knative waits for its progress deadline
            return read_start(self._pods(watched.namespace, f"{DEPLOYMENT}={watched.deployment_id},{COMPONENT}=web"))
        return observation

    def _observe_run(self, namespace: str, name: str) -> RunOutcome | None:
        job = self._within(namespace, self._batch().read_namespaced_job, name, namespace)
        return read_run(job, self._pods_of_job(namespace, name))

    def _observe_inspection(self, namespace: str, name: str) -> Outcome | None:
        job = self._within(namespace, self._batch().read_namespaced_job, name, namespace)
        return read_inspection_job(job, self._pods_of_job(namespace, name))

    def _pods_of_job(self, namespace: str, name: str) -> Any:
        return self._pods(namespace, f"job-name={name}")

    def _pods(self, namespace: str, selector: str) -> Any:
        return self._within(namespace, self._core().list_namespaced_pod, namespace, label_selector=selector)["items"]

    def _delete_environment(self, service: str, workloads: Workloads) -> None:
        namespace = workloads.namespace
        resource = {**SERVING, "namespace": namespace, "plural": "services", "name": service}
        with suppress(NotFound):
            self._within(namespace, self._custom().delete_namespaced_custom_object, **resource)
        with suppress(NotFound):
            self.delete_other_workloads(workloads, ())
        with suppress(NotFound):
            self._within(namespace, self._core().delete_collection_namespaced_secret, namespace, label_selector=workloads.selector)

    def _replace_service(self, watched: WatchedObject, manifest: Manifest | None, pinned_revision: str | None) -> None:
        """Sends the resource version that was read: after a concurrent change the cluster answers 409, and the retry
        reads the new owner."""
        service = self._service(watched)
        if service["spec"]["template"]["metadata"].get("labels", {}).get(DEPLOYMENT) != str(watched.deployment_id):
            return
        version = service["metadata"]["resourceVersion"]
        if manifest is not None and pinned_revision is not None and self._revision(watched.namespace, pinned_revision) is not None:
            manifest = manifests.pin_traffic(manifest, pinned_revision)
        if manifest is not None:
            self._apply({**manifest, "metadata": {**manifest["metadata"], "resourceVersion": version}})
            return
        resource = {**SERVING, "namespace": watched.namespace, "plural": "services", "name": watched.name}
        self._within(
            watched.namespace, self._custom().delete_namespaced_custom_object, **resource, body={"preconditions": {"resourceVersion": version}}
        )

    def _service(self, watched: WatchedObject) -> Any:
        resource = {**SERVING, "namespace": watched.namespace, "plural": "services", "name": watched.name}
        return self._within(watched.namespace, self._custom().get_namespaced_custom_object, **resource)

    def _revision(self, namespace: str, name: str) -> Any:
        try:
            resource = {**SERVING, "namespace": namespace, "plural": "revisions", "name": name}
            return self._within(namespace, self._custom().get_namespaced_custom_object, **resource)
        except NotFound:
            return None

    def _delete_namespace(self, name: str, application_id: UUID) -> None:
        namespace_object = self._namespace(name, application_id)
        self._within(name, self._core().delete_namespace, name, body={"preconditions": {"uid": namespace_object["metadata"]["uid"]}})

    def _namespace(self, name: str, application_id: UUID) -> Any:
        """Raises NotFound if there is none, or if it belongs to another application."""
        namespace_object = self._call(self._core().read_namespace, name)
        if namespace_object["metadata"].get("labels", {}).get(APPLICATION) != str(application_id):
            raise NotFound(name)
        return namespace_object
