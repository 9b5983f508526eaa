"""The namespaces of data services with servers of their own, and the objects in them. The methods block: use `in_cluster`."""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar
from uuid import UUID

from functions.deploy.adapters import variables
from functions.deploy.adapters.kubernetes import KubernetesCluster
from functions.deploy.adapters.kubernetes_errors import NotFound
from functions.deploy.adapters.kubernetes_workloads import APPLY
from functions.deploy.domain.manifests import Manifest
from functions.deploy.domain.network_policies import DATA_SERVICE
from functions.deploy.domain.process_scaling import FIELD_MANAGER
from functions.deploy.domain.service_tenancy import namespace_of_service, service_tenancy
from functions.deploy.ports import ClusterRefused, ClusterUnavailable, ServiceServerRefused, ServiceServerUnavailable
from functions.runtime.config.settings import Settings
from functions.wire.settings import MissingSetting

T = TypeVar("T")
CLUSTERS = {"group": "postgresql.cnpg.io", "version": "v1", "plural": "clusters"}
LOG_LINES = 500
DELETION_SECONDS = 10.0


async def in_cluster(call: Callable[..., T], *arguments: Any) -> T:
    """Run a call in a thread. Raises ServiceServerUnavailable and ServiceServerRefused."""
    try:
        return await asyncio.to_thread(call, *arguments)
    except ClusterUnavailable as error:
        raise ServiceServerUnavailable(str(error)) from error
    except ClusterRefused as error:
        raise ServiceServerRefused(str(error)) from error


def control_password(settings: Settings, database: str) -> str:
    """Capsule's own password on the server of a service: HMAC-SHA256 (RFC 2104) of its name, as 48 hexadecimal digits.

    So no function reads Secrets of a cluster. Raises ServiceServerUnavailable.
    """
    try:
        key = settings.value(variables.SERVICES_KEY)
    except MissingSetting as missing:
        raise ServiceServerUnavailable(f"servers for one service are not configured: {missing}") from missing
    return hmac.new(key.encode(), database.encode(), hashlib.sha256).hexdigest()[:48]


class ServiceNamespaces(KubernetesCluster):
    def prepare(self, database: str, application_id: UUID) -> None:
        """Create the namespace of a service, with its limits. Idempotent."""
        for each in service_tenancy(database, application_id):
            self._apply(each)

    def apply_in(self, manifest: Manifest) -> Any:
        """Apply an object of a service, and return it as the cluster stores it. Raises ServiceServerRefused where the cluster has no such kind."""
        try:
            return self._apply_object(manifest)
        except NotFound as missing:
            if manifest["kind"] == "Cluster":
                detail = "the cluster has no CloudNativePG (postgresql.cnpg.io), which runs PostgreSQL servers: its operator installs it"
                raise ServiceServerRefused(detail) from missing
            raise ServiceServerUnavailable(str(missing)) from missing

    def delete_namespace_of(self, database: str) -> None:
        """Delete the namespace of a service with all data in it, and wait for a while. Raises ServiceServerUnavailable while it still exists."""
        name = namespace_of_service(database)
        until = time.monotonic() + DELETION_SECONDS
        while (found := self._find_namespace(name)) is not None:
            if found.get("labels", {}).get(DATA_SERVICE) != database:
                raise ServiceServerRefused(f"namespace {name} is not that of a data service: it has no label {DATA_SERVICE}={database}")
            if "deletionTimestamp" not in found:
                with suppress(NotFound):
                    self._within(name, self._core().delete_namespace, name, body={"preconditions": {"uid": found["uid"]}})
            if time.monotonic() > until:
                raise ServiceServerUnavailable(f"namespace {name} is still being deleted")
            time.sleep(0.2)

    def find_cluster(self, database: str, name: str) -> Any | None:
        """The Cluster of CloudNativePG, or None."""
        namespace = namespace_of_service(database)
        with suppress(NotFound):
            return self._within(namespace, self._custom().get_namespaced_custom_object, **CLUSTERS, namespace=namespace, name=name)
        return None

    def find_stateful_set(self, database: str, name: str) -> Any | None:
        with suppress(NotFound):
            namespace = namespace_of_service(database)
            return self._within(namespace, self._apps().read_namespaced_stateful_set, name, namespace)
        return None

    def pods_of(self, database: str, selector: str) -> list[Any]:
        """Empty if there is no such namespace."""
        with suppress(NotFound):
            return list(self._pods(namespace_of_service(database), selector))
        return []

    def log_of(self, database: str, pod: str, container: str) -> list[str]:
        """The last lines; empty if there is no such pod, or its container has not started."""
        namespace = namespace_of_service(database)
        with suppress(NotFound):
            read = self._core().read_namespaced_pod_log
            text = self._read_response(read, pod, namespace, container=container, tail_lines=LOG_LINES)
            return text.decode(errors="replace").splitlines()
        return []

    def _apply_object(self, manifest: Manifest) -> Any:
        metadata = manifest["metadata"]
        name, namespace = metadata["name"], metadata["namespace"]
        patch: dict[str, Any] = {"body": manifest, "field_manager": FIELD_MANAGER, "force": True, "_content_type": APPLY}
        match manifest["kind"]:
            case "Cluster":
                return self._within(namespace, self._custom().patch_namespaced_custom_object, **CLUSTERS, namespace=namespace, name=name, **patch)
            case "ConfigMap":
                return self._within(namespace, self._core().patch_namespaced_config_map, name, namespace, **patch)
            case "Secret":
                return self._within(namespace, self._core().patch_namespaced_secret, name, namespace, **patch)
            case "Service":
                return self._within(namespace, self._core().patch_namespaced_service, name, namespace, **patch)
            case "StatefulSet":
                return self._within(namespace, self._apps().patch_namespaced_stateful_set, name, namespace, **patch)
        raise ValueError(f"no object of a data service is a {manifest['kind']}")
