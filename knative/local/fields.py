"""Objects as sets of field paths, as server-side apply defines them: a path for each leaf, list items by their merge keys.

Paths have the form of Kubernetes' FieldsV1: `f:name` for a field, `k:{"name":"app"}` for the item of a list with keys,
`v:"x"` for the item of a list that is a set. By default lists are atomic (one leaf) and maps are granular; a schema may
say otherwise.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

Path = tuple[str, ...]
Schema = Mapping[str, Any]

ANY: Schema = {}
ITEM = object()
"""The value at the path of a list item, which stands for the presence of the item."""

METADATA: Schema = {
    "type": "object",
    "properties": {
        "ownerReferences": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["uid"], "items": ANY},
        "finalizers": {"type": "array", "x-kubernetes-list-type": "set", "items": ANY},
        "labels": {"type": "object", "additionalProperties": ANY},
        "annotations": {"type": "object", "additionalProperties": ANY},
    },
}


def child_schema(schema: Schema, name: str) -> Schema:
    properties = schema.get("properties") or {}
    if name in properties:
        found: Schema = properties[name]
        return found
    more = schema.get("additionalProperties")
    return more if isinstance(more, Mapping) else ANY


def item_schema(schema: Schema) -> Schema:
    found: Schema = schema.get("items") or ANY
    return found


def is_granular(schema: Schema) -> bool:
    return schema.get("x-kubernetes-map-type") != "atomic"


def list_type(schema: Schema) -> str:
    return str(schema.get("x-kubernetes-list-type", "atomic"))


def item_step(item: Any, schema: Schema) -> str:
    """Return the path element of an item of a set or keyed list."""
    if list_type(schema) == "set":
        return "v:" + orjson.dumps(item).decode()
    properties = item_schema(schema).get("properties") or {}
    keys = {}
    for key in sorted(schema["x-kubernetes-list-map-keys"]):
        value = item.get(key, properties.get(key, {}).get("default")) if isinstance(item, Mapping) else None
        if value is not None:
            keys[key] = value
    return "k:" + orjson.dumps(keys).decode()


def flatten(value: Any, schema: Schema, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Return every path of a value with the value at it."""
    if isinstance(value, Mapping) and value and is_granular(schema):
        for name, inner in value.items():
            yield from flatten(inner, child_schema(schema, name), (*path, f"f:{name}"))
    elif isinstance(value, list) and value and list_type(schema) != "atomic":
        for item in value:
            step = (*path, item_step(item, schema))
            yield step, ITEM
            if list_type(schema) == "map":
                yield from flatten(item, item_schema(schema), step)
    else:
        yield path, value


def decode(tree: Mapping[str, Any], path: Path = ()) -> Iterator[Path]:
    """FieldsV1 → paths."""
    for step, inner in tree.items():
        if step == ".":
            yield path
        elif inner:
            yield from decode(inner, (*path, step))
        else:
            yield (*path, step)


def encode(paths: Iterable[Path]) -> dict[str, Any]:
    """Paths → FieldsV1."""
    tree: dict[str, Any] = {}
    members = []
    for path in sorted(paths):
        node = tree
        for step in path:
            node = node.setdefault(step, {})
        members.append((path, node))
    for _, node in members:
        if node:
            node["."] = {}
    return tree


def format_path(path: Path) -> str:
    """Return a path as Kubernetes writes it in a conflict: `.spec.template.spec.containers[name="app"].image`."""
    words = []
    for step in path:
        tag, _, rest = step.partition(":")
        if tag == "f":
            words.append(f".{rest}")
        elif tag == "k":
            words.append("[" + ",".join(f"{key}={orjson.dumps(value).decode()}" for key, value in orjson.loads(rest).items()) + "]")
        else:
            words.append(f"[={rest}]")
    return "".join(words)


def merge(live: Any, applied: Any, schema: Schema) -> Any:
    """Merge `applied` over `live`: maps field by field, keyed lists item by item, everything else replaced."""
    if isinstance(live, Mapping) and isinstance(applied, Mapping) and is_granular(schema):
        merged = dict(live)
        for name, value in applied.items():
            merged[name] = merge(live[name], value, child_schema(schema, name)) if name in live else value
        return merged
    if isinstance(live, list) and isinstance(applied, list) and list_type(schema) != "atomic":
        return _merge_list(live, applied, schema)
    return applied


def _merge_list(live: list[Any], applied: list[Any], schema: Schema) -> list[Any]:
    """Return the applied items in their order; the other live items keep their place between them."""
    live_items = {item_step(item, schema): item for item in live}
    applied_items = {item_step(item, schema): item for item in applied}
    live_steps, applied_steps = [*live_items], [*applied_items]
    merged: list[Any] = []
    while live_steps or applied_steps:
        if live_steps and live_steps[0] not in applied_items:
            merged.append(live_items[live_steps.pop(0)])
        elif live_steps and applied_steps and applied_steps[0] in live_items and live_steps[0] != applied_steps[0]:
            live_steps.pop(0)
        elif applied_steps:
            step = applied_steps.pop(0)
            if live_steps and live_steps[0] == step:
                live_steps.pop(0)
            is_live = step in live_items
            merged.append(merge(live_items[step], applied_items[step], item_schema(schema)) if is_live else applied_items[step])
        else:
            live_steps.pop(0)
    return merged


def prune(value: Any, schema: Schema, removed_paths: set[Path], owned_paths: set[Path], path: Path = ()) -> Any:
    """Return a value without the removed paths.

    A field or item with an owned path below it stays. A map or list that becomes empty is removed too.
    """
    if isinstance(value, Mapping) and value and is_granular(schema):
        pruned = {
            name: _prune_at(inner, child_schema(schema, name), removed_paths, owned_paths, (*path, f"f:{name}")) for name, inner in value.items()
        }
        return {name: inner for name, inner in pruned.items() if inner is not _REMOVED}
    if isinstance(value, list) and value and list_type(schema) != "atomic":
        pairs = [(item, (*path, item_step(item, schema))) for item in value]
        items = [_prune_at(item, item_schema(schema), removed_paths, owned_paths, step) for item, step in pairs]
        return [item for item in items if item is not _REMOVED]
    return value


_REMOVED = object()


def _prune_at(value: Any, schema: Schema, removed_paths: set[Path], owned_paths: set[Path], path: Path) -> Any:
    if not any(each[: len(path)] == path for each in removed_paths):
        return value
    has_owner = any(each[: len(path)] == path for each in owned_paths)
    if path in removed_paths and not has_owner:
        return _REMOVED
    pruned = prune(value, schema, removed_paths, owned_paths, path)
    if pruned in ({}, []) and value not in ({}, []) and not has_owner:
        return _REMOVED
    if path[-1].startswith("k:") and isinstance(value, Mapping) and isinstance(pruned, dict):
        pruned = {**{key: value[key] for key in orjson.loads(path[-1][2:]) if key in value}, **pruned}  # an item keeps its merge keys
    return pruned
