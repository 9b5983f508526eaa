"""The part of an object that a field manager owns: what its applied manifest names, and nothing that the API server, a webhook or a controller adds.

`metadata.managedFields` has it, in the form FieldsV1 (https://kubernetes.io/docs/reference/using-api/server-side-apply/#manager-fields): a tree with
`f:<name>` for a field, `k:<keys as JSON>` for an item of a list with keys, `v:<JSON>` for a value of a set, and `.` for the object or item itself.
A node without children is owned with everything in it.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

Tree = dict[str, Any]
Object = dict[str, Any]


def owned_by(manager: str, objects: Iterable[Object]) -> Tree:
    """Return the fields that a manager has applied in any of these states of one object."""
    trees = [
        entry.get("fieldsV1") or {}
        for item in objects
        for entry in item["metadata"].get("managedFields") or ()
        if entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource")
    ]
    return _union(trees)


def project(value: Any, tree: Tree) -> Any:
    """Return the part of a value that the tree names."""
    children = {name: child for name, child in tree.items() if name != "."}
    if not children:
        return value
    if isinstance(value, Mapping):
        return {name: project(each, children[f"f:{name}"]) for name, each in value.items() if f"f:{name}" in children}
    if isinstance(value, list):
        found = ((each, _of_item(each, children)) for each in value)
        return [project(each, child) for each, child in found if child is not None]
    return value


def _of_item(item: Any, children: Tree) -> Tree | None:
    """The node of an item of a list, with its keys; None when it is not owned."""
    for name, child in children.items():
        kind, _, text = name.partition(":")
        if kind == "v" and json.loads(text) == item:
            return {}
        if kind == "k" and isinstance(item, Mapping):
            keys = json.loads(text)
            if all(item.get(key) == value for key, value in keys.items()):
                return {**child, **{f"f:{key}": {} for key in keys}} if set(child) - {"."} else child
    return None


def _union(trees: list[Tree]) -> Tree:
    """A node that is owned as a whole in one tree is compared as a whole."""
    found: Tree = {}
    for name in dict.fromkeys(name for tree in trees for name in tree):
        below = [tree[name] for tree in trees if name in tree]
        found[name] = {} if any(not set(each) - {"."} for each in below) else _union(below)
    return found
