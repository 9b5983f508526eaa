"""The cluster, through the official client: Knative on a real one, `knative/local` on one machine, the same calls.

The client is large (half a second to import), so it is imported when the first call is made: a function that needs no cluster never pays for it.
It blocks, so every call runs in a thread; answers are taken as plain JSON, since that is what the domain reads.
"""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

from functions.deploy.adapters.kubernetes_errors import AlreadyThere, Forbidden, NotThere, translated
from functions.deploy.domain import manifests
from functions.deploy.domain.manifests import APPLICATION, ENVIRONMENT, Manifest
from functions.deploy.domain.observation import DEPLOYMENT_LABEL, Gone, NotServing, Observation, read_build, read_instances, read_rollout, read_task
from functions.deploy.domain.status import Awaited
from functions.deploy.ports import ClusterRefused, ClusterUnavailable
from functions.runtime.config.settings import Settings
from functions.runtime.storage.external_call import external_call

FIELD_MANAGER = "capsule"
APPLY = "application/apply-patch+yaml"
PATIENCE = (3.0, 15.0)
"""Seconds to connect, and to wait for an answer."""
SERVING = {"group": "serving.knative.dev", "version": "v1"}
UNTIL_EMPTY = 5.0
UNTIL_BOUND = 5.0
RBAC = "rbac.authorization.k8s.io"


class KubernetesCluster:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: Any = None

    @external_call
    async def apply(self, *objects: Manifest) -> None:
        for each in objects:
            try:
                await asyncio.to_thread(self._apply, each)
            except NotThere as missing:
                raise ClusterRefused(str(missing)) from missing

    @external_call
    async def observe(self, awaited: Awaited) -> Observation | None:
        try:
            return await asyncio.to_thread(self._observe, awaited)
        except NotThere:
            return Gone()

    @external_call
    async def replace_service(self, awaited: Awaited, manifest: Manifest | None, pinned: str | None = None) -> None:
        try:
            await asyncio.to_thread(self._replace_service, awaited, manifest, pinned)
        except NotThere:
            return  # nothing there to replace

    @external_call
    async def remove_job(self, namespace: str, name: str) -> None:
        def remove() -> None:
            self._within(namespace, self._batch().delete_namespaced_job, name, namespace, propagation_policy="Background")

        try:
            await asyncio.to_thread(remove)
        except NotThere:
            return

    @external_call
    async def remove_environment(self, namespace: str, service: str, application_id: UUID, environment: str) -> None:
        selector = f"{APPLICATION}={application_id},{ENVIRONMENT}={environment}"
        await asyncio.to_thread(self._remove_environment, namespace, service, selector)

    @external_call
    async def remove_namespace(self, name: str, application_id: UUID) -> None:
        try:
            await asyncio.to_thread(self._remove_namespace, name, application_id)
            async with asyncio.timeout(UNTIL_EMPTY):
                while True:
                    await asyncio.to_thread(self._namespace, name, application_id)
                    await asyncio.sleep(0.2)
        except NotThere:
            return
        except TimeoutError:
            raise ClusterUnavailable(f"the namespace {name} is still being emptied") from None

    def _apply(self, manifest: Manifest) -> None:
        metadata = manifest["metadata"]
        said = {"body": manifest, "field_manager": FIELD_MANAGER, "force": True, "_content_type": APPLY}
        where = (metadata["name"], metadata.get("namespace"))
        match manifest["kind"]:
            case "Namespace":
                self._apply_namespace(manifest, said)
            case "RoleBinding":
                self._bind(manifest)
            case "ResourceQuota":
                self._within(where[1], self._core().patch_namespaced_resource_quota, *where, **said)
            case "NetworkPolicy":
                try:
                    self._apply_other("networking.k8s.io", "networkpolicies", manifest, said)
                except NotThere:
                    return  # one machine: its sandbox bounds what an application reaches, and there is no such API
            case "Secret":
                self._within(where[1], self._core().patch_namespaced_secret, *where, **said)
            case "Job":
                self._within(where[1], self._batch().patch_namespaced_job, *where, **said)
            case "Service":
                self._apply_other(SERVING["group"], "services", manifest, said)
            case other:
                raise ValueError(f"deploy applies no {other}")

    def _apply_namespace(self, manifest: Manifest, said: dict[str, Any]) -> None:
        """Creates the namespace, or corrects the labels of one that exists. Applying would need the verb `patch` before there is a namespace to
        grant it in; the account has that verb only where it is bound to the tenant role.

        Raises ClusterUnavailable while an earlier namespace of that name is being deleted, ClusterRefused if the namespace is not this application's.
        """
        name, labels = manifest["metadata"]["name"], manifest["metadata"]["labels"]
        try:
            self._call(self._core().create_namespace, manifest, field_manager=FIELD_MANAGER)
            return
        except AlreadyThere:
            found = self._find_namespace(name)
        if found is None or "deletionTimestamp" in found:
            raise ClusterUnavailable(f"the namespace {name} is still being emptied")
        owner, wanted = found.get("labels", {}).get(APPLICATION), labels[APPLICATION]
        if owner != wanted:
            raise ClusterRefused(f"the namespace {name} has the label {APPLICATION}={owner}: it is not application {wanted}'s")
        if not labels.items() <= found["labels"].items():
            self._within(name, self._core().patch_namespace, name, **said)

    def _find_namespace(self, name: str) -> Any:
        """Its metadata, or None."""
        try:
            return self._call(self._core().read_namespace, name)["metadata"]
        except NotThere:
            return None

    def _bind(self, manifest: Manifest) -> None:
        """Creates the RoleBinding once and returns when the API server grants what it says: authorizers read bindings from a cache."""
        namespace = manifest["metadata"]["namespace"]
        where = {"group": RBAC, "version": "v1", "namespace": namespace, "plural": "rolebindings"}
        try:
            self._call(self._custom().create_namespaced_custom_object, **where, body=manifest, field_manager=FIELD_MANAGER)
        except AlreadyThere:
            return
        until = time.monotonic() + UNTIL_BOUND
        while not self._may_create_jobs(namespace):
            if time.monotonic() > until:
                raise ClusterUnavailable(f"the RoleBinding {manifest['metadata']['name']} in {namespace} is not in force after {UNTIL_BOUND:g} s")
            time.sleep(0.1)

    def _may_create_jobs(self, namespace: str) -> bool:
        attributes = {"namespace": namespace, "verb": "create", "group": "batch", "resource": "jobs"}
        review = self._call(self._authorization().create_self_subject_access_review, {"spec": {"resourceAttributes": attributes}})
        return bool(review["status"]["allowed"])

    def _apply_other(self, group: str, plural: str, manifest: Manifest, said: dict[str, Any]) -> None:
        metadata = manifest["metadata"]
        where = {"group": group, "version": "v1", "plural": plural, "namespace": metadata["namespace"], "name": metadata["name"]}
        self._within(metadata["namespace"], self._custom().patch_namespaced_custom_object, **where, **said)

    def _observe(self, awaited: Awaited) -> Observation | None:
        if awaited.kind == "Job":
            job = self._within(awaited.namespace, self._batch().read_namespaced_job, awaited.name, awaited.namespace)
            pods = self._within(awaited.namespace, self._core().list_namespaced_pod, awaited.namespace, label_selector=f"job-name={awaited.name}")
            return (read_task if awaited.task else read_build)(job, pods["items"])
        service = self._service(awaited)
        latest = service.get("status", {}).get("latestCreatedRevisionName")
        revision = self._revision(awaited.namespace, latest) if latest else None
        seen = read_rollout(service, revision, awaited.deployment_id, awaited.pinned)
        if awaited.taking_traffic and not isinstance(seen, NotServing):
            pods = self._within(
                awaited.namespace, self._core().list_namespaced_pod, awaited.namespace, label_selector=f"serving.knative.dev/revision={latest}"
            )
            return read_instances(pods["items"]) or seen
        return seen

    def _remove_environment(self, namespace: str, service: str, selector: str) -> None:
        where = {**SERVING, "namespace": namespace, "plural": "services", "name": service}
        with suppress(NotThere):
            self._within(namespace, self._custom().delete_namespaced_custom_object, **where)
        with suppress(NotThere):
            self._within(namespace, self._core().delete_collection_namespaced_secret, namespace, label_selector=selector)

    def _replace_service(self, awaited: Awaited, manifest: Manifest | None, pinned: str | None) -> None:
        """The version that was read goes along: if somebody was quicker, the cluster answers 409 and the next try sees whose it is."""
        service = self._service(awaited)
        if service["spec"]["template"]["metadata"].get("labels", {}).get(DEPLOYMENT_LABEL) != str(awaited.deployment_id):
            return
        version = service["metadata"]["resourceVersion"]
        if manifest is not None and pinned is not None and self._revision(awaited.namespace, pinned) is not None:
            manifest = manifests.pinned(manifest, pinned)
        if manifest is not None:
            self._apply({**manifest, "metadata": {**manifest["metadata"], "resourceVersion": version}})
            return
        where = {**SERVING, "namespace": awaited.namespace, "plural": "services", "name": awaited.name}
        self._within(awaited.namespace, self._custom().delete_namespaced_custom_object, **where, body={"preconditions": {"resourceVersion": version}})

    def _service(self, awaited: Awaited) -> Any:
        where = {**SERVING, "namespace": awaited.namespace, "plural": "services", "name": awaited.name}
        return self._within(awaited.namespace, self._custom().get_namespaced_custom_object, **where)

    def _revision(self, namespace: str, name: str) -> Any:
        try:
            where = {**SERVING, "namespace": namespace, "plural": "revisions", "name": name}
            return self._within(namespace, self._custom().get_namespaced_custom_object, **where)
        except NotThere:
            return None

    def _remove_namespace(self, name: str, application_id: UUID) -> None:
        found = self._namespace(name, application_id)
        self._within(name, self._core().delete_namespace, name, body={"preconditions": {"uid": found["metadata"]["uid"]}})

    def _namespace(self, name: str, application_id: UUID) -> Any:
        """Raises NotThere if there is none, or if the name is another application's by now."""
        found = self._call(self._core().read_namespace, name)
        if found["metadata"].get("labels", {}).get(APPLICATION) != str(application_id):
            raise NotThere(name)
        return found

    def _core(self) -> Any:
        from kubernetes.client import CoreV1Api

        return CoreV1Api(self._api())

    def _batch(self) -> Any:
        from kubernetes.client import BatchV1Api

        return BatchV1Api(self._api())

    def _custom(self) -> Any:
        from kubernetes.client import CustomObjectsApi

        return CustomObjectsApi(self._api())

    def _authorization(self) -> Any:
        from kubernetes.client import AuthorizationV1Api

        return AuthorizationV1Api(self._api())

    def _api(self) -> Any:
        """As the pod's service account. KUBECONFIG is read here and not by the client, which looks at the environment while it is imported."""
        if self._client is None:
            from kubernetes import config
            from kubernetes.client import ApiClient, Configuration

            configuration = Configuration()
            if kubeconfig := self._settings.text("KUBECONFIG", ""):
                config.load_kube_config(config_file=kubeconfig, client_configuration=configuration)
            else:
                config.load_incluster_config(client_configuration=configuration)
            self._client = ApiClient(configuration)
        return self._client

    def _within(self, namespace: str, method: Callable[..., Any], /, *arguments: Any, **named: Any) -> Any:
        """A call that the account may make in that namespace alone. Its permission is a RoleBinding there and goes with the namespace, so a cluster
        answers 403 where the namespace is missing or being deleted. Raises NotThere then, else as `_call`."""
        try:
            return self._call(method, *arguments, **named)
        except Forbidden:
            found = self._call(self._core().read_namespace, namespace)
            if "deletionTimestamp" in found["metadata"]:
                raise NotThere(f"the namespace {namespace} is being deleted") from None
            raise

    def _call(self, method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """The answer's JSON. Raises NotThere, AlreadyThere, ClusterUnavailable, RateLimited, ClusterRefused."""
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        try:
            answer = method(*arguments, **named, _preload_content=False, _request_timeout=PATIENCE)
        except ApiException as error:
            raise translated(error.status, error.body, error.headers) from error
        except (HTTPError, OSError) as error:
            raise ClusterUnavailable(f"the cluster's API does not answer: {error}") from error
        return json.loads(answer.data)
