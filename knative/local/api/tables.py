"""Tables for `kubectl get`, with the columns of a definition."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from knative.local.api.cells import COMPUTED, format_duration
from knative.local.definitions import Column, Definition
from knative.local.objects import Object

_STEP = re.compile(r"""\.?(?P<name>(?:\\\.|[^.\[\]])+)|\[\?\(@\.(?P<key>\w+)==["'](?P<value>[^"']*)["']\)\]|\[(?P<index>\d+)\]""")
NAME = Column("Name", "string", ".metadata.name")


def is_requested(accept: str) -> bool:
    """Whether an Accept header requests a Table."""
    return "as=Table" in accept and "g=meta.k8s.io" in accept


def table(definition: Definition, objects: Iterable[Object], version: str, include: str, headers: bool = True) -> Object:
    columns = (NAME, *definition.columns)
    column_definitions = [
        {"name": each.name, "type": each.type if each.type != "date" else "string", "format": "name" if each is NAME else "",
         "description": each.path, "priority": each.priority}
        for each in columns
    ]  # fmt: skip
    return {
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": version},
        "columnDefinitions": column_definitions if headers else None,
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
    values = list(at(object, column.path))
    if not values or values[0] is None:
        return None if column.type == "integer" else ""
    if column.type == "date":
        return age(str(values[0]))
    return values[0] if column.type in ("integer", "boolean") else ",".join(map(str, values))


def at(object: Any, path: str) -> Iterator[Any]:
    """Yield the values at a path in the subset of JSONPath that printer columns use: fields, `[n]` and `[?(@.key=="value")]`."""
    values = [object]
    for step in _STEP.finditer(path):
        if step["name"] is not None:
            name = step["name"].replace("\\.", ".")
            values = [each[name] for each in values if isinstance(each, dict) and name in each]
        elif step["key"] is not None:
            items = [item for each in values if isinstance(each, list) for item in each]
            values = [item for item in items if isinstance(item, dict) and str(item.get(step["key"])) == step["value"]]
        else:
            index = int(step["index"])
            values = [each[index] for each in values if isinstance(each, list) and index < len(each)]
    return iter(values)


def age(stamp: str) -> str:
    """Return how long ago a time was, as kubectl shows it."""
    try:
        return format_duration(datetime.now(UTC) - datetime.fromisoformat(stamp))
    except ValueError:
        return "<unknown>"
