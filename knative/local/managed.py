"""Field managers of objects (metadata.managedFields), and server-side apply.

`apply` makes a manager the owner of exactly the fields that it names. It sets them; a field that another manager owns
with another value is a conflict, unless forced. Fields that the manager named before and no longer names are removed,
unless another manager owns them. `update` is any other write: the writer becomes the owner of what it changed. After
kubernetes-sigs/structured-merge-diff, over `fields`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from knative.local.fields import METADATA, Path, Schema, decode, encode, flatten, format_path, merge, prune
from knative.local.objects import Object, now

SERVER_FIELDS = (
    "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields", "selfLink",
)  # fmt: skip
"""Metadata that no manager ever owns."""

UNOWNED: frozenset[Path] = frozenset(
    {("f:apiVersion",), ("f:kind",), ("f:metadata",), ("f:metadata", "f:name"), ("f:metadata", "f:namespace"), ("f:metadata", "f:generateName")}
    | {("f:metadata", f"f:{name}") for name in SERVER_FIELDS}
)


@dataclass(frozen=True)
class Manager:
    name: str
    operation: Literal["Apply", "Update"]
    api_version: str
    subresource: str
    fields: frozenset[Path]
    time: str

    @property
    def identity(self) -> tuple[str, str, str]:
        return self.name, self.operation, self.subresource


@dataclass(frozen=True)
class Clash:
    manager: Manager
    path: Path

    def __str__(self) -> str:
        return f'conflict with "{self.manager.name}"' + (f" using {self.manager.api_version}" if self.manager.operation == "Update" else "")


class Conflicts(Exception):
    """Other managers own fields of an applied object with other values."""

    def __init__(self, clashes: list[Clash]) -> None:
        self.clashes = clashes
        many = f"{len(clashes)} conflict{'s' if len(clashes) != 1 else ''}"
        super().__init__(f"Apply failed with {many}: " + "; ".join(f"{clash}: {format_path(clash.path)}" for clash in clashes))


def apply(live: Object | None, applied: Object, manager: str, force: bool, schema: Schema, subresource: str = "") -> Object:
    """Return the object to store, with its managedFields.

    `live`: the stored object, None when there is none. Raises Conflicts.
    """
    schema = _object_schema(schema)
    desired = {field: value for field, value in applied.items() if field != "status" or subresource == "status"}
    desired["metadata"] = {field: value for field, value in applied["metadata"].items() if field not in SERVER_FIELDS}
    fields = frozenset(path for path, _ in flatten(desired, schema)) - UNOWNED
    managers = managers_of(live)
    applier = Manager(manager, "Apply", applied["apiVersion"], subresource, fields, now())
    before = next((each for each in managers if each.identity == applier.identity), None)
    others = [each for each in managers if each.identity != applier.identity]

    merged: Object = merge(live, desired, schema) if live is not None else desired
    if live is not None:
        old_values, new_values = dict(flatten(live, schema)), dict(flatten(merged, schema))
        changed = {path for path in fields if path not in old_values or old_values[path] != new_values.get(path)}
        clashes = [Clash(other, path) for other in others for path in sorted(other.fields & changed)]
        if clashes and not force:
            raise Conflicts(clashes)
        others = [replace(other, fields=other.fields - changed) for other in others]
        if before is not None and (removed := set(before.fields - fields)):
            merged = prune(merged, schema, removed, set(fields).union(UNOWNED, *(other.fields for other in others)))
    if before is not None and before.fields == fields and live is not None and _content(merged) == _content(live):
        applier = before
    merged.setdefault("metadata", {})["managedFields"] = to_managed_fields([*others, applier])
    return merged


def update(old: Object | None, new: Object, manager: str, schema: Schema, subresource: str = "") -> list[Object]:
    """Return the managedFields after `manager` has written `new` over `old` by other means than apply."""
    schema = _object_schema(schema)
    old_values = dict(flatten(old, schema)) if old is not None else {}
    new_values = dict(flatten(new, schema))
    changed = frozenset(path for path, value in new_values.items() if path not in old_values or old_values[path] != value) - UNOWNED
    removed = frozenset(old_values.keys() - new_values.keys())
    managers = managers_of(new if "managedFields" in new["metadata"] else old)
    if not changed and not removed:
        return to_managed_fields(managers)
    updater = Manager(manager, "Update", new["apiVersion"], subresource, changed, now())
    before = next((each for each in managers if each.identity == updater.identity), None)
    if before is not None:
        is_unchanged = not changed and not removed & before.fields
        updater = before if is_unchanged else replace(updater, fields=(before.fields | changed) - removed)
    others = [replace(each, fields=each.fields - changed - removed) for each in managers if each.identity != updater.identity]
    return to_managed_fields([*others, updater])


def managers_of(object: Object | None) -> list[Manager]:
    """Read an object's managedFields."""
    entries = (object or {}).get("metadata", {}).get("managedFields") or []
    return [
        Manager(
            entry["manager"], entry["operation"], entry.get("apiVersion", ""), entry.get("subresource", ""),
            frozenset(decode(entry.get("fieldsV1") or {})), entry.get("time", now()),
        )
        for entry in entries if entry.get("manager")
    ]  # fmt: skip


def to_managed_fields(managers: Iterable[Manager]) -> list[Object]:
    return [
        {
            "manager": each.name, "operation": each.operation, "apiVersion": each.api_version, "time": each.time,
            "fieldsType": "FieldsV1", "fieldsV1": encode(each.fields), **({"subresource": each.subresource} if each.subresource else {}),
        }
        for each in managers if each.fields
    ]  # fmt: skip


def _object_schema(schema: Schema) -> Schema:
    """Return a definition's schema with Kubernetes' metadata."""
    return {**schema, "properties": {**(schema.get("properties") or {}), "metadata": METADATA}}


def _content(object: Mapping[str, Any]) -> Object:
    return {**object, "metadata": {field: value for field, value in object["metadata"].items() if field != "managedFields"}}


def have_same_owners(one: list[Object], other: list[Object]) -> bool:
    """Compare managedFields without their times."""

    def without_times(entries: list[Object]) -> list[Object]:
        return [{field: value for field, value in entry.items() if field != "time"} for entry in entries]

    return without_times(one) == without_times(other)
