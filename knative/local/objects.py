"""What all parts share about Kubernetes objects, held as JSON."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

Object = dict[str, Any]


def kind_of(object: Mapping[str, Any]) -> str:
    """Return `Kind.group`, for core kinds without a group: "Service.serving.knative.dev", "Secret"."""
    group, _, _ = str(object["apiVersion"]).rpartition("/")
    return f"{object['kind']}.{group}" if group else str(object["kind"])


def reference_kind(reference: Mapping[str, Any]) -> str:
    """Return the same for a reference (ownerReferences, sink.ref, involvedObject)."""
    return kind_of(reference)


def owner_reference(owner: Mapping[str, Any], controller: bool = True) -> Object:
    """Return the ownerReferences entry by which a child is deleted with its owner."""
    metadata = owner["metadata"]
    return {
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": metadata["name"], "uid": metadata["uid"],
        "controller": controller, "blockOwnerDeletion": True,
    }  # fmt: skip


def now() -> str:
    """Return the present time as Kubernetes' metav1.Time: RFC 3339 with seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Kinds(Protocol):
    """What the store needs to know about kinds. Implemented by `definitions.Definitions`."""

    def has_status(self, kind: str) -> bool: ...

    def has_generation(self, kind: str) -> bool: ...

    def merge_schema(self, kind: str) -> Mapping[str, Any]:
        """The schema by which lists are merged (x-kubernetes-list-type, -map-keys)."""
        ...
