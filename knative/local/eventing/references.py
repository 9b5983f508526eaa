"""Which objects refer to which others, so that a change of one reconciles those that refer to it."""

from collections.abc import Callable, Iterable

from knative.local.controller import Key
from knative.local.objects import Object


def key_of(object: Object) -> tuple[str, str]:
    """namespace, name"""
    return object["metadata"]["namespace"], object["metadata"]["name"]


def owner_keys(kind: str) -> Callable[[Object], Iterable[Key]]:
    """Return a function of an object that returns the keys of its owners of a kind."""

    def keys(child: Object) -> Iterable[Key]:
        metadata = child["metadata"]
        return [(metadata.get("namespace"), owner["name"]) for owner in metadata.get("ownerReferences", ()) if owner["kind"] == kind]

    return keys


class References:
    """References by name from objects of one kind. They are noted before the target exists and stay until the referrer is deleted."""

    def __init__(self) -> None:
        self._referrers: dict[tuple[str, str, str], set[Key]] = {}

    def add(self, referrer: Object, kind: str, namespace: str, name: str) -> None:
        """Note that an object refers to the object of that kind, namespace and name."""
        self._referrers.setdefault((kind, namespace, name), set()).add(key_of(referrer))

    def remove(self, referrer: Object) -> None:
        key = key_of(referrer)
        for referrers in self._referrers.values():
            referrers.discard(key)

    def referrers(self, kind: str) -> Callable[[Object], list[Key]]:
        """Return a function of an object of that kind that returns the keys of the objects that refer to it."""
        return lambda target: list(self._referrers.get((kind, *key_of(target)), ()))
