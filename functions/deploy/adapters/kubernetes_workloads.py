"""What an environment runs beside its Service: Deployments, their autoscalers, and CronJobs."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from functions.deploy.adapters.kubernetes_client import KubernetesClient
from functions.deploy.adapters.kubernetes_errors import NotFound
from functions.deploy.domain.autoscaling_manifests import HPA, SCALED_OBJECT, TRIGGER_AUTHENTICATION
from functions.deploy.domain.autoscaling_readings import AutoscalerReading, read_autoscalers
from functions.deploy.domain.instances import Instance, read_instances_of
from functions.deploy.domain.manifests import APPLICATION, AUTOSCALED, ENVIRONMENT, PROCESS, Manifest
from functions.deploy.domain.process_scaling import FIELD_MANAGER, REPLICAS_MANAGER, ScalingReading, read_scaling
from functions.deploy.domain.workloads import KINDS, Workloads
from functions.deploy.ports import ClusterRefused
from functions.runtime.storage.external_call import external_call

APPLY = "application/apply-patch+yaml"
KEDA = ("keda.sh", "v1alpha1")
PLURALS = {SCALED_OBJECT: "scaledobjects", TRIGGER_AUTHENTICATION: "triggerauthentications"}
"""Kinds of KEDA."""


class KubernetesWorkloads(KubernetesClient):
    @external_call
    async def list_processes(self, workloads: Workloads) -> list[Instance]:
        with suppress(NotFound):
            selector = {"label_selector": f"{workloads.selector},{PROCESS}"}
            pods = await asyncio.to_thread(self._within, workloads.namespace, self._core().list_namespaced_pod, workloads.namespace, **selector)
            return read_instances_of(pods["items"])
        return []

    @external_call
    async def list_autoscalers(self, workloads: Workloads) -> list[AutoscalerReading]:
        with suppress(NotFound):
            return read_autoscalers(await asyncio.to_thread(self._list_workloads, workloads, HPA))
        return []

    @external_call
    async def read_scaling(self, namespace: str, deployment: str) -> ScalingReading | None:
        with suppress(NotFound):
            selector = {"label_selector": f"{AUTOSCALED}=true"}
            found = await asyncio.to_thread(self._within, namespace, self._apps().list_namespaced_deployment, namespace, **selector)
            for each in found["items"]:
                if each["metadata"]["name"] == deployment:
                    labels = each["metadata"]["labels"]
                    workloads = Workloads(namespace, UUID(labels[APPLICATION]), labels[ENVIRONMENT])
                    return read_scaling(each, await self.list_autoscalers(workloads))
        return None

    @external_call
    async def replace_workloads(self, workloads: Workloads, *objects: Manifest) -> None:
        try:
            await asyncio.to_thread(self._replace_workloads, workloads, objects)
        except NotFound as missing:
            if not objects:
                return
            if any(each["kind"] == SCALED_OBJECT for each in objects) and not self._has_keda():
                detail = "This cluster has no KEDA, which scales by queues (https://keda.sh). Its operator installs it; CPU and memory need none."
                raise ClusterRefused(detail) from missing
            raise ClusterRefused(str(missing)) from missing

    def _has_keda(self) -> bool:
        with suppress(NotFound):
            self._call(self._custom().get_api_resources, *KEDA)
            return True
        return False

    def _replace_workloads(self, workloads: Workloads, objects: Sequence[Manifest]) -> None:
        """What is no longer there is deleted first: a former autoscaler would change the number that is applied now."""
        self.delete_other_workloads(workloads, objects)
        for each in objects:
            if each["kind"] == "Deployment" and "replicas" not in each["spec"]:
                name = each["metadata"]["name"]
                needs_one = any(other["kind"] == HPA and other["metadata"]["name"] == name for other in objects)
                self._release_replicas(workloads, each, needs_one=needs_one)
            self._patch(workloads.namespace, each, FIELD_MANAGER)

    def _release_replicas(self, workloads: Workloads, deployment: Manifest, *, needs_one: bool) -> None:
        """Let another field manager own the replicas of a Deployment that this one owned until now.

        Kubernetes removes a field that its only manager no longer applies, and would run one instance until the autoscaler has decided
        ("Server-Side Apply: Transferring ownership"). `needs_one`: a HorizontalPodAutoscaler follows, which leaves 0 alone, whoever set it.
        """
        name = deployment["metadata"]["name"]
        found = next((each for each in self._list_workloads(workloads, "Deployment") if each["metadata"]["name"] == name), None)
        if found is None:
            return
        is_owned = any(_owns_replicas(each) for each in found["metadata"].get("managedFields") or ())
        if not is_owned and not (needs_one and found["spec"].get("replicas") == 0):
            return
        metadata = {"name": name, "namespace": workloads.namespace}
        replicas = {"apiVersion": deployment["apiVersion"], "kind": "Deployment", "metadata": metadata}
        self._patch(workloads.namespace, {**replicas, "spec": {"replicas": max(found["spec"].get("replicas", 1), 1)}}, REPLICAS_MANAGER)

    def _patch(self, namespace: str, object: Manifest, manager: str) -> None:
        options = {"field_manager": manager, "force": True, "_content_type": APPLY}
        kind, name = object["kind"], object["metadata"]["name"]
        if kind in PLURALS:
            patch, place = self._custom().patch_namespaced_custom_object, (*KEDA, namespace, PLURALS[kind], name)
            self._within(namespace, patch, *place, body=object, **options)
            return
        patches: dict[str, Callable[..., Any]] = {
            "Deployment": self._apps().patch_namespaced_deployment,
            "CronJob": self._batch().patch_namespaced_cron_job,
            HPA: self._autoscaling().patch_namespaced_horizontal_pod_autoscaler,
        }
        self._within(namespace, patches[kind], name, namespace, body=object, **options)

    def _list_workloads(self, workloads: Workloads, kind: str) -> list[Manifest]:
        """Objects of a kind in the environment. Blocks. An empty list of KEDA's if the cluster has none."""
        namespace, selector = workloads.namespace, {"label_selector": workloads.selector}
        if kind in PLURALS:
            with suppress(NotFound):
                found = self._within(namespace, self._custom().list_namespaced_custom_object, *KEDA, namespace, PLURALS[kind], **selector)
                return list(found["items"])
            return []
        lists: dict[str, Callable[..., Any]] = {
            "Deployment": self._apps().list_namespaced_deployment,
            "CronJob": self._batch().list_namespaced_cron_job,
            HPA: self._autoscaling().list_namespaced_horizontal_pod_autoscaler,
        }
        return list(self._within(namespace, lists[kind], namespace, **selector)["items"])

    def delete_other_workloads(self, workloads: Workloads, objects: Sequence[Manifest]) -> None:
        """Delete the workloads of the environment that are not among the objects. Blocks."""
        namespace, kept = workloads.namespace, {(each["kind"], each["metadata"]["name"]) for each in objects}
        deletions: dict[str, Callable[..., Any]] = {
            "Deployment": self._apps().delete_namespaced_deployment,
            "CronJob": self._batch().delete_namespaced_cron_job,
            HPA: self._autoscaling().delete_namespaced_horizontal_pod_autoscaler,
        }
        for kind in KINDS:
            for found in self._list_workloads(workloads, kind):
                name, is_owned = found["metadata"]["name"], bool(found["metadata"].get("ownerReferences"))
                if (kind, name) in kept or is_owned:  # KEDA deletes its own HorizontalPodAutoscaler
                    continue
                with suppress(NotFound):
                    if kind in PLURALS:
                        self._within(namespace, self._custom().delete_namespaced_custom_object, *KEDA, namespace, PLURALS[kind], name)
                    else:
                        self._within(namespace, deletions[kind], name, namespace, propagation_policy="Background")


def _owns_replicas(entry: Manifest) -> bool:
    """Whether an entry of managedFields says that Capsule has applied the replicas."""
    return bool(entry["manager"] == FIELD_MANAGER and entry["operation"] == "Apply" and "f:replicas" in (entry["fieldsV1"].get("f:spec") or {}))
