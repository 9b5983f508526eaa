"""Table output: what `kubectl get` prints, from the columns of a definition."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from knative.local.api.cells import COMPUTED, duration
from knative.local.definitions import Column, Definition
from knative.local.objects import Object

_STEP = re.compile(r"""\.?(?P<name>(?:\\\.|[^.\[\]])+)|\[\?\(@\.(?P<key>\w+)==["'](?P<value>[^"']*)["']\)\]|\[(?P<index>\d+)\]""")
NAME = Column("Name", "string", ".metadata.name")


def wanted(accept: str) -> bool:
    return "as=Table" in accept and "g=meta.k8s.io" in accept


def table(definition: Definition, objects: Iterable[Object], version: str, include: str, headers: bool = True) -> Object:
    columns = (NAME, *definition.columns)
    heads = [
        {"name": each.name, "type": each.type if each.type != "date" else "string", "format": "name" if each is NAME else "",
         "description": each.path, "priority": each.priority}
        for each in columns
    ]  # fmt: skip
    return {
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": version},
        "columnDefinitions": heads if headers else None,
        "rows": [{"cells": [_cell(each, object) for each in columns], **_included(object, include)} for object in objects],
    }  # fmt: skip


def _included(object: Object, include: str) -> Object:
    if include == "None":
        return {}
    if include == "Object":
        return {"object": object}
    metadata = {field: value for field, value in object["metadata"].items() if field != "managedFields"}
    return {"object": {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}}


def _cell(column: Column, object: Object) -> Any:
    if column.path in COMPUTED:
        return COMPUTED[column.path](object)
    found = list(at(object, column.path))
    if not found or found[0] is None:
        return None if column.type == "integer" else ""
    if column.type == "date":
        return age(str(found[0]))
    return found[0] if column.type in ("integer", "boolean") else ",".join(map(str, found))


def at(object: Any, path: str) -> Iterator[Any]:
    """The subset of JSONPath that printer columns use: fields, `[n]` and `[?(@.key=="value")]`."""
    found = [object]
    for step in _STEP.finditer(path):
        if step["name"] is not None:
            name = step["name"].replace("\\.", ".")
            found = [each[name] for each in found if isinstance(each, dict) and name in each]
        elif step["key"] is not None:
            items = [item for each in found if isinstance(each, list) for item in each]
            found = [item for item in items if isinstance(item, dict) and str(item.get(step["key"])) == step["value"]]
        else:
            index = int(step["index"])
            found = [each[index] for each in found if isinstance(each, list) and index < len(each)]
    return iter(found)


def age(stamp: str) -> str:
    try:
        return duration(datetime.now(UTC) - datetime.fromisoformat(stamp))
    except ValueError:
        return "<unknown>"
