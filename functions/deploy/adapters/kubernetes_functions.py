"""Where the platform's functions run, through the official Kubernetes client, with an account that may list them and nothing else."""

import asyncio

from functions.deploy.adapters.kubernetes_client import KubernetesClient
from functions.deploy.domain.function_instances import SERVICE, FunctionService, read_functions
from functions.deploy.domain.tenancy import PLATFORM
from functions.runtime.storage.external_call import external_call

SERVICES = {"group": "serving.knative.dev", "version": "v1", "plural": "services"}


class KubernetesFunctions(KubernetesClient):
    @external_call
    async def list_functions(self) -> list[FunctionService]:
        return await asyncio.to_thread(self._list_functions)

    def _list_functions(self) -> list[FunctionService]:
        services = self._call(self._custom().list_namespaced_custom_object, **SERVICES, namespace=PLATFORM)
        pods = self._call(self._core().list_namespaced_pod, PLATFORM, label_selector=SERVICE)
        return read_functions(services["items"], pods["items"])
