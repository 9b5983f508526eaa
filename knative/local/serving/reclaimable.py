"""What the platform keeps for applications and can create again: build caches, and images that nothing references."""

from knative.local.serving.node import Node


class Reclaimable:
    """`images.retention` decides which images: those of running deployments and the newest of each application stay, because no registry has them."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def is_any(self) -> bool:
        return bool(self._node.build_caches.unused() or self._node.image_collector.reclaimable())

    def reclaim(self) -> None:
        """Move them into the trash. Raises OSError."""
        for cache in self._node.build_caches.unused():
            self._node.trash.discard(cache)
        self._node.image_collector.reclaim()

    def is_deleted(self) -> bool:
        return self._node.trash.is_empty
