"""Objects seen as sets of fields, as server-side apply sees them: a path for each leaf, list items by merge keys.

Paths are written as in Kubernetes' FieldsV1: `f:name` for a field, `k:{"name":"app"}` for the item of a list with keys, `v:"x"` for the item
of a list that is a set. Lists are atomic (one leaf) unless the schema says otherwise; maps are granular unless it says atomic.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

Path = tuple[str, ...]
Schema = Mapping[str, Any]

ANY: Schema = {}
ITEM = object()
"""The value at a path that stands for an item's being there, beside its fields."""

METADATA: Schema = {
    "type": "object",
    "properties": {
        "ownerReferences": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["uid"], "items": ANY},
        "finalizers": {"type": "array", "x-kubernetes-list-type": "set", "items": ANY},
        "labels": {"type": "object", "additionalProperties": ANY},
        "annotations": {"type": "object", "additionalProperties": ANY},
    },
}


def child(schema: Schema, name: str) -> Schema:
    properties = schema.get("properties") or {}
    if name in properties:
        found: Schema = properties[name]
        return found
    more = schema.get("additionalProperties")
    return more if isinstance(more, Mapping) else ANY


def items(schema: Schema) -> Schema:
    found: Schema = schema.get("items") or ANY
    return found


def granular(schema: Schema) -> bool:
    return schema.get("x-kubernetes-map-type") != "atomic"


def list_type(schema: Schema) -> str:
    return str(schema.get("x-kubernetes-list-type", "atomic"))


def item_step(item: Any, schema: Schema) -> str:
    """How the item of a set or keyed list is named in a path."""
    if list_type(schema) == "set":
        return "v:" + orjson.dumps(item).decode()
    properties = items(schema).get("properties") or {}
    keys = {}
    for key in sorted(schema["x-kubernetes-list-map-keys"]):
        value = item.get(key, properties.get(key, {}).get("default")) if isinstance(item, Mapping) else None
        if value is not None:
            keys[key] = value
    return "k:" + orjson.dumps(keys).decode()


def flatten(value: Any, schema: Schema, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every path that the value has, with what stands there."""
    if isinstance(value, Mapping) and value and granular(schema):
        for name, inner in value.items():
            yield from flatten(inner, child(schema, name), (*path, f"f:{name}"))
    elif isinstance(value, list) and value and list_type(schema) != "atomic":
        for item in value:
            step = (*path, item_step(item, schema))
            yield step, ITEM
            if list_type(schema) == "map":
                yield from flatten(item, items(schema), step)
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


def readable(path: Path) -> str:
    """`.spec.template.spec.containers[name="app"].image`, as Kubernetes words a conflict."""
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
    """`applied` over `live`: maps field by field, keyed lists item by item, all else replaced."""
    if isinstance(live, Mapping) and isinstance(applied, Mapping) and granular(schema):
        merged = dict(live)
        for name, value in applied.items():
            merged[name] = merge(live[name], value, child(schema, name)) if name in live else value
        return merged
    if isinstance(live, list) and isinstance(applied, list) and list_type(schema) != "atomic":
        return _merge_list(live, applied, schema)
    return applied


def _merge_list(live: list[Any], applied: list[Any], schema: Schema) -> list[Any]:
    """Applied items in the order they were applied; the others stay where they were between them."""
    here = {item_step(item, schema): item for item in live}
    wanted = {item_step(item, schema): item for item in applied}
    left, right = [*here], [*wanted]
    merged: list[Any] = []
    while left or right:
        if left and left[0] not in wanted:
            merged.append(here[left.pop(0)])
        elif left and right and right[0] in here and left[0] != right[0]:
            left.pop(0)
        elif right:
            step = right.pop(0)
            if left and left[0] == step:
                left.pop(0)
            merged.append(merge(here[step], wanted[step], items(schema)) if step in here else wanted[step])
        else:
            left.pop(0)
    return merged


def prune(value: Any, schema: Schema, dropped: set[Path], kept: set[Path], path: Path = ()) -> Any:
    """`value` without the dropped paths. A field or item that has a kept path below it stays; what is emptied by it goes too."""
    if isinstance(value, Mapping) and value and granular(schema):
        left = {name: _rest(inner, child(schema, name), dropped, kept, (*path, f"f:{name}")) for name, inner in value.items()}
        return {name: rest for name, rest in left.items() if rest is not _NOTHING}
    if isinstance(value, list) and value and list_type(schema) != "atomic":
        pairs = [(item, (*path, item_step(item, schema))) for item in value]
        return [rest for item, step in pairs if (rest := _rest(item, items(schema), dropped, kept, step)) is not _NOTHING]
    return value


_NOTHING = object()


def _rest(value: Any, schema: Schema, dropped: set[Path], kept: set[Path], path: Path) -> Any:
    if not any(each[: len(path)] == path for each in dropped):
        return value
    below = any(each[: len(path)] == path for each in kept)
    if path in dropped and not below:
        return _NOTHING
    rest = prune(value, schema, dropped, kept, path)
    if rest in ({}, []) and value not in ({}, []) and not below:
        return _NOTHING
    if path[-1].startswith("k:") and isinstance(value, Mapping) and isinstance(rest, dict):
        rest = {**{key: value[key] for key in orjson.loads(path[-1][2:]) if key in value}, **rest}  # an item is nothing without its keys
    return rest
