"""What each application takes on the machine's disk: its images, its build cache, the disks of its running instances.

Sizes are what the file system has allocated (stat(2), st_blocks) or what the platform has measured anyway: no tenant's
tree is walked for them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from knative.local.sandbox.disks import used_bytes
from knative.local.serving.node import Node
from knative.local.serving.pods.pod import Pod
from knative.local.serving.pods.registry import Pods

APPLICATION, ENVIRONMENT = "capsule.dev/application", "capsule.dev/environment"


class DiskUsage:
    def __init__(self, node: Node, pods: Pods) -> None:
        self._node, self._pods = node, pods

    def images(self) -> Mapping[str, tuple[int, int]]:
        """Namespace → (images, bytes)."""
        return {namespace: (usage.images, usage.bytes) for namespace, usage in self._node.images.usage().items()}

    def disk_usage(self) -> Mapping[str, Mapping[str, Any]]:
        """Return application namespace → DiskUsage of `events/cluster.py` without its time.

        None stands for a size that is not measured.
        """
        images, pods, found = self.images(), self._pods_by_namespace(), {}
        for namespace in self._node.store.list("Namespace"):
            name, labels = namespace["metadata"]["name"], namespace["metadata"].get("labels") or {}
            if APPLICATION in labels:
                count, size = images.get(name, (0, 0))
                found[name] = {
                    "namespace": name, "labels": {APPLICATION: labels[APPLICATION]}, "images": count, "imageBytes": size,
                    "cacheBytes": self._cache_bytes(name), "instanceBytes": self._instance_bytes(pods.get(name, ())),
                }  # fmt: skip
        return found

    def _cache_bytes(self, namespace: str) -> int | None:
        return used_bytes(self._node.build_caches.image(namespace)) if self._node.abilities.has_disks else None

    def _pods_by_namespace(self) -> Mapping[str, Sequence[Pod]]:
        found: dict[str, list[Pod]] = {}
        for pod in self._pods.tenant_pods():
            if not self._node.is_build(pod.object):
                found.setdefault(pod.namespace, []).append(pod)
        return found

    def _instance_bytes(self, pods: Iterable[Pod]) -> Mapping[str, int] | None:
        """Return the bytes of an application's instances by environment.

        None when one instance is not measured: a partial sum would look like the whole.
        """
        found: dict[str, int] = {}
        for pod in pods:
            if (size := pod.disk_bytes) is None:
                return None
            environment = _environment(pod)
            found[environment] = found.get(environment, 0) + size
        return found


def _environment(pod: Pod) -> str:
    return str((pod.object["metadata"].get("labels") or {}).get(ENVIRONMENT, ""))
