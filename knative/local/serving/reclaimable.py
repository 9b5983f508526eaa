"""What the platform keeps of applications and can make again: caches of builds, and images that nothing references."""

from knative.local.serving.node import Node


class Reclaimable:
    """`images.retention` decides which images: those of a deployment under way and the newest of each application stay; no registry has them."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def is_any(self) -> bool:
        return bool(self._node.unused_caches() or self._node.keeper.reclaimable())

    def reclaim(self) -> None:
        """Moves them into the trash. Raises OSError."""
        for cache in self._node.unused_caches():
            self._node.trash.throw(cache)
        self._node.keeper.reclaim()

    def is_deleted(self) -> bool:
        return self._node.trash.is_empty
