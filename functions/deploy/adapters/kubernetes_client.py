"""The official Kubernetes client: configuration, API groups, and errors as exceptions of the port.

The client takes half a second to import, so the first call imports it. Responses are read as JSON, because the domain
reads plain objects.
"""

import json
from collections.abc import Callable
from typing import Any

from functions.deploy.adapters.kubernetes_errors import Forbidden, NotFound, translate
from functions.deploy.ports import ClusterUnavailable
from functions.runtime.config.settings import Settings
from functions.runtime.config.variables import KUBECONFIG

REQUEST_TIMEOUT_SECONDS = (3.0, 15.0)
"""To connect, and to read the response."""


class KubernetesClient:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: Any = None

    def _core(self) -> Any:
        from kubernetes.client import CoreV1Api

        return CoreV1Api(self._api())

    def _batch(self) -> Any:
        from kubernetes.client import BatchV1Api

        return BatchV1Api(self._api())

    def _apps(self) -> Any:
        from kubernetes.client import AppsV1Api

        return AppsV1Api(self._api())

    def _autoscaling(self) -> Any:
        from kubernetes.client import AutoscalingV2Api

        return AutoscalingV2Api(self._api())

    def _custom(self) -> Any:
        from kubernetes.client import CustomObjectsApi

        return CustomObjectsApi(self._api())

    def _authorization(self) -> Any:
        from kubernetes.client import AuthorizationV1Api

        return AuthorizationV1Api(self._api())

    def _api(self) -> Any:
        """A client with the pod's service account, or with KUBECONFIG. The client itself would read KUBECONFIG only
        when it is imported."""
        if self._client is None:
            from kubernetes import config
            from kubernetes.client import ApiClient, Configuration

            configuration = Configuration()
            try:
                if kubeconfig := self._settings.value(KUBECONFIG):
                    config.load_kube_config(config_file=kubeconfig, client_configuration=configuration)
                else:
                    config.load_incluster_config(client_configuration=configuration)
            except config.ConfigException as error:
                raise ClusterUnavailable(
                    f"No cluster is configured: {error} Set {KUBECONFIG.name}, or run in a pod with a service account."
                ) from error
            self._client = ApiClient(configuration)
        return self._client

    def _within(self, namespace: str, method: Callable[..., Any], /, *arguments: Any, **named: Any) -> Any:
        """Make a call that the account may make in this namespace only.

        The permission is a RoleBinding in the namespace, so a cluster answers 403 if the namespace is missing or being
        deleted. Raises NotFound then, else as `_call`.
        """
        try:
            return self._call(method, *arguments, **named)
        except Forbidden:
            namespace_object = self._call(self._core().read_namespace, namespace)
            if "deletionTimestamp" in namespace_object["metadata"]:
                raise NotFound(f"namespace {namespace} is being deleted") from None
            raise

    def _call(self, method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Return the response's JSON. Raises NotFound, AlreadyExists, ClusterUnavailable, RateLimited, ClusterRefused."""
        return json.loads(self._read_response(method, *arguments, **named))

    def _read_response(self, method: Callable[..., Any], *arguments: Any, **named: Any) -> bytes:
        """Return the response's body. Raises as `_call`."""
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        try:
            response = method(*arguments, **named, _preload_content=False, _request_timeout=REQUEST_TIMEOUT_SECONDS)
        except ApiException as error:
            raise translate(error.status, error.body, error.headers) from error
        except (HTTPError, OSError) as error:
            raise ClusterUnavailable(f"the Kubernetes API does not respond: {error}") from error
        return bytes(response.data)
