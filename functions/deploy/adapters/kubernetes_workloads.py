"""What an environment runs beside its Service: Deployments and CronJobs."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from functions.deploy.adapters.kubernetes_client import KubernetesClient
from functions.deploy.adapters.kubernetes_errors import NotFound
from functions.deploy.domain.instances import Instance, read_instances_of
from functions.deploy.domain.manifests import PROCESS, Manifest
from functions.deploy.domain.workloads import Workloads
from functions.deploy.ports import ClusterRefused
from functions.runtime.storage.external_call import external_call

FIELD_MANAGER = "capsule"
APPLY = "application/apply-patch+yaml"


class KubernetesWorkloads(KubernetesClient):
    @external_call
    async def list_processes(self, workloads: Workloads) -> list[Instance]:
        with suppress(NotFound):
            selector = {"label_selector": f"{workloads.selector},{PROCESS}"}
            pods = await asyncio.to_thread(self._within, workloads.namespace, self._core().list_namespaced_pod, workloads.namespace, **selector)
            return read_instances_of(pods["items"])
        return []

    @external_call
    async def replace_workloads(self, workloads: Workloads, *objects: Manifest) -> None:
        try:
            await asyncio.to_thread(self._replace_workloads, workloads, objects)
        except NotFound as missing:
            if objects:
                raise ClusterRefused(str(missing)) from missing

    def _replace_workloads(self, workloads: Workloads, objects: Sequence[Manifest]) -> None:
        patches = {"Deployment": self._apps().patch_namespaced_deployment, "CronJob": self._batch().patch_namespaced_cron_job}
        options = {"field_manager": FIELD_MANAGER, "force": True, "_content_type": APPLY}
        for each in objects:
            self._within(workloads.namespace, patches[each["kind"]], each["metadata"]["name"], workloads.namespace, body=each, **options)
        self.delete_other_workloads(workloads, objects)

    def delete_other_workloads(self, workloads: Workloads, objects: Sequence[Manifest]) -> None:
        """Delete the Deployments and CronJobs of the environment that are not among the objects. Blocks."""
        namespace, kept = workloads.namespace, {(each["kind"], each["metadata"]["name"]) for each in objects}
        for kind, list_all, delete in (
            ("Deployment", self._apps().list_namespaced_deployment, self._apps().delete_namespaced_deployment),
            ("CronJob", self._batch().list_namespaced_cron_job, self._batch().delete_namespaced_cron_job),
        ):
            for found in self._within(namespace, list_all, namespace, label_selector=workloads.selector)["items"]:
                name = found["metadata"]["name"]
                if (kind, name) not in kept:
                    with suppress(NotFound):
                        self._within(namespace, delete, name, namespace, propagation_policy="Background")
