"""Namespaces: a default ServiceAccount and a phase for each, deletion of everything in a deleted one, and the objects that exist from the start."""

from collections.abc import Callable, Iterable, Mapping

from knative.local.controller import Key, RequeueAfter
from knative.local.objects import Object
from knative.local.rbac import CLUSTER_ROLE, CLUSTER_ROLES, GROUP
from knative.local.store import AlreadyExists, NotFound, Store

INITIAL_NAMESPACES = ("default", "kube-system", "knative-serving", "knative-eventing")
DELETION_POLL_SECONDS = 0.2


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
            raise RequeueAfter(DELETION_POLL_SECONDS, "waiting for the deletion of the namespace's objects")
        found = self._store.get("Namespace", None, name)
        found["spec"]["finalizers"] = []
        self._store.update(found)

    def _delete(self, kind: str, namespace: str, name: str) -> None:
        try:
            self._store.delete(kind, namespace, name)
        except NotFound:
            return  # garbage-collected with its owner meanwhile


def namespace(name: str) -> Object:
    labels = {"kubernetes.io/metadata.name": name}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}, "spec": {"finalizers": ["kubernetes"]}}


def bootstrap(store: Store) -> None:
    """Create the cluster roles and the initial namespaces, and update the roles' rules. Idempotent."""
    for name, rules in CLUSTER_ROLES.items():
        present = store.find(CLUSTER_ROLE, None, name)
        if present is not None:
            store.update({**present, "rules": rules})
        else:
            store.create({"apiVersion": f"{GROUP}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules})
    for name in INITIAL_NAMESPACES:
        try:
            store.create(namespace(name))
        except AlreadyExists:
            continue
