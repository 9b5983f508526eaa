"""What every namespace has and leaves: a default ServiceAccount, a phase, and nothing behind when it is deleted. And what is there from the start."""

from collections.abc import Callable, Iterable, Mapping

from knative.local.controller import Key, RequeueAfter
from knative.local.objects import Object
from knative.local.rbac import CLUSTER_ROLE, CLUSTER_ROLES, GROUP
from knative.local.store import AlreadyExists, NotFound, Store

FROM_THE_START = ("default", "kube-system", "knative-serving", "knative-eventing")


class Namespaces:
    kind = "Namespace"

    def __init__(self, store: Store) -> None:
        self._store = store

    async def reconcile(self, object: Object) -> None:
        name = object["metadata"]["name"]
        if "deletionTimestamp" in object["metadata"]:
            self._terminate(object, name)
            return
        self._store.set_status("Namespace", None, name, {"phase": "Active"})
        if self._store.find("ServiceAccount", name, "default") is None:
            self._store.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": name}})

    async def on_deleted(self, object: Object) -> None:
        return None

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[Key]]]:
        return {"ServiceAccount": lambda object: [(None, object["metadata"]["namespace"])]}

    def _terminate(self, object: Object, name: str) -> None:
        self._store.set_status("Namespace", None, name, {"phase": "Terminating"})
        for kind in self._store.kinds_in(name):
            for found in self._store.list(kind, name):
                if "deletionTimestamp" not in found["metadata"]:
                    self._delete(kind, name, found["metadata"]["name"])
        if self._store.kinds_in(name):
            raise RequeueAfter(0.2, "waiting for what is in it to go")
        found = self._store.get("Namespace", None, name)
        found["spec"]["finalizers"] = []
        self._store.update(found)

    def _delete(self, kind: str, namespace: str, name: str) -> None:
        try:
            self._store.delete(kind, namespace, name)
        except NotFound:
            return  # deleted by its owner's deletion meanwhile


def namespace(name: str) -> Object:
    labels = {"kubernetes.io/metadata.name": name}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}, "spec": {"finalizers": ["kubernetes"]}}


def bootstrap(store: Store) -> None:
    """Twice is harmless."""
    for name, rules in CLUSTER_ROLES.items():
        present = store.find(CLUSTER_ROLE, None, name)
        if present is not None:
            store.update({**present, "rules": rules})
        else:
            store.create({"apiVersion": f"{GROUP}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules})
    for name in FROM_THE_START:
        try:
            store.create(namespace(name))
        except AlreadyExists:
            continue
