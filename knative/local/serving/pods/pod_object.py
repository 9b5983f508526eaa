"""A pod's object in the store."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from knative.local.objects import Object
from knative.local.serving.pods.state import PodState
from knative.local.serving.pods.status import pod_status
from knative.local.store import NotFound, Store

PUBLICATION_SECONDS = 0.2
"""How long the status of a pod that gets requests while it starts may wait for its next stage."""


class PodObject:
    """`observe` returns the state that the status is about. An object that was deleted, or replaced by one of the same name, is left alone."""

    def __init__(self, store: Store, object: Object, observe: Callable[[], PodState]) -> None:
        self._store, self._observe = store, observe
        self._namespace, self._name, self._uid = (object["metadata"][each] for each in ("namespace", "name", "uid"))
        self._publication: asyncio.TimerHandle | None = None

    def publish(self) -> None:
        """Write the status, as a kubelet does."""
        if self._publication is not None:
            self._publication.cancel()
            self._publication = None
        state = self._observe()
        with suppress(NotFound):  # deleted over the API, which ends the pod
            object = self._store.get("Pod", self._namespace, self._name)
            if object["metadata"]["uid"] == self._uid:
                self._store.set_status("Pod", self._namespace, self._name, pod_status(state, object))

    def publish_soon(self) -> None:
        if self._publication is None:
            self._publication = asyncio.get_running_loop().call_later(PUBLICATION_SECONDS, self.publish)

    def delete(self) -> None:
        with suppress(NotFound):
            if self._store.get("Pod", self._namespace, self._name)["metadata"]["uid"] == self._uid:
                self._store.delete("Pod", self._namespace, self._name)
