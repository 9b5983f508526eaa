"""Who owns which field: the managers of an object, and server-side apply.

`apply` gives a manager exactly the fields it names: they are set (one that another owns at another value is a conflict, unless forced), and
those it named before and names no longer are removed unless someone else owns them. `update` is any other write: what it changed becomes
the writer's. After kubernetes-sigs/structured-merge-diff, over `fields`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from knative.local.fields import METADATA, Path, Schema, decode, encode, flatten, merge, prune, readable
from knative.local.objects import Object, now

SERVERS_OWN = (
    "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields", "selfLink",
)  # fmt: skip
"""Metadata that no manager ever owns."""

UNOWNED: frozenset[Path] = frozenset(
    {("f:apiVersion",), ("f:kind",), ("f:metadata",), ("f:metadata", "f:name"), ("f:metadata", "f:namespace"), ("f:metadata", "f:generateName")}
    | {("f:metadata", f"f:{name}") for name in SERVERS_OWN}
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
    """Others own, at another value, what is applied."""

    def __init__(self, clashes: list[Clash]) -> None:
        self.clashes = clashes
        many = f"{len(clashes)} conflict{'s' if len(clashes) != 1 else ''}"
        super().__init__(f"Apply failed with {many}: " + "; ".join(f"{clash}: {readable(clash.path)}" for clash in clashes))


def apply(live: Object | None, applied: Object, manager: str, force: bool, schema: Schema, subresource: str = "") -> Object:
    """The object as it is to be stored, managedFields included."""
    schema = _whole(schema)
    wanted = {field: value for field, value in applied.items() if field != "status" or subresource == "status"}
    wanted["metadata"] = {field: value for field, value in applied["metadata"].items() if field not in SERVERS_OWN}
    fields = frozenset(path for path, _ in flatten(wanted, schema)) - UNOWNED
    managers = managers_of(live)
    mine = Manager(manager, "Apply", applied["apiVersion"], subresource, fields, now())
    before = next((each for each in managers if each.identity == mine.identity), None)
    others = [each for each in managers if each.identity != mine.identity]

    merged: Object = merge(live, wanted, schema) if live is not None else wanted
    if live is not None:
        here, there = dict(flatten(live, schema)), dict(flatten(merged, schema))
        changed = {path for path in fields if path not in here or here[path] != there.get(path)}
        clashes = [Clash(other, path) for other in others for path in sorted(other.fields & changed)]
        if clashes and not force:
            raise Conflicts(clashes)
        others = [replace(other, fields=other.fields - changed) for other in others]
        if before is not None and (dropped := set(before.fields - fields)):
            merged = prune(merged, schema, dropped, set(fields).union(UNOWNED, *(other.fields for other in others)))
    if before is not None and before.fields == fields and live is not None and _content(merged) == _content(live):
        mine = before
    merged.setdefault("metadata", {})["managedFields"] = write([*others, mine])
    return merged


def update(old: Object | None, new: Object, manager: str, schema: Schema, subresource: str = "") -> list[Object]:
    """managedFields after `manager` wrote `new` over `old` by other means than apply."""
    schema = _whole(schema)
    here = dict(flatten(old, schema)) if old is not None else {}
    there = dict(flatten(new, schema))
    changed = frozenset(path for path, value in there.items() if path not in here or here[path] != value) - UNOWNED
    removed = frozenset(here.keys() - there.keys())
    managers = managers_of(new if "managedFields" in new["metadata"] else old)
    if not changed and not removed:
        return write(managers)
    mine = Manager(manager, "Update", new["apiVersion"], subresource, changed, now())
    before = next((each for each in managers if each.identity == mine.identity), None)
    if before is not None:
        same = not changed and not removed & before.fields
        mine = before if same else replace(mine, fields=(before.fields | changed) - removed)
    others = [replace(each, fields=each.fields - changed - removed) for each in managers if each.identity != mine.identity]
    return write([*others, mine])


def managers_of(object: Object | None) -> list[Manager]:
    entries = (object or {}).get("metadata", {}).get("managedFields") or []
    return [
        Manager(
            entry["manager"], entry["operation"], entry.get("apiVersion", ""), entry.get("subresource", ""),
            frozenset(decode(entry.get("fieldsV1") or {})), entry.get("time", now()),
        )
        for entry in entries if entry.get("manager")
    ]  # fmt: skip


def write(managers: Iterable[Manager]) -> list[Object]:
    return [
        {
            "manager": each.name, "operation": each.operation, "apiVersion": each.api_version, "time": each.time,
            "fieldsType": "FieldsV1", "fieldsV1": encode(each.fields), **({"subresource": each.subresource} if each.subresource else {}),
        }
        for each in managers if each.fields
    ]  # fmt: skip


def _whole(schema: Schema) -> Schema:
    """The schema of a whole object: a definition's with Kubernetes' own metadata."""
    return {**schema, "properties": {**(schema.get("properties") or {}), "metadata": METADATA}}


def _content(object: Mapping[str, Any]) -> Object:
    return {**object, "metadata": {field: value for field, value in object["metadata"].items() if field != "managedFields"}}


def same_owners(one: list[Object], other: list[Object]) -> bool:
    """Alike but for the times."""

    def timeless(entries: list[Object]) -> list[Object]:
        return [{field: value for field, value in entry.items() if field != "time"} for entry in entries]

    return timeless(one) == timeless(other)
