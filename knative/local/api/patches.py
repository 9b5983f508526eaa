"""The three ways to patch besides server-side apply: JSON patch (RFC 6902), merge patch (RFC 7386), and Kubernetes' strategic merge for its own
kinds (custom resources refuse it, as upstream)."""

from collections.abc import Mapping
from typing import Any

import jsonpatch

from knative.local.api.status import Cause, bad_request, invalid, unsupported
from knative.local.definitions import Definition
from knative.local.fields import METADATA, Schema, child, items, list_type
from knative.local.objects import Object

APPLY = ("application/apply-patch+yaml", "application/apply-patch+cbor")
JSON, MERGE, STRATEGIC = "application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json"
BUILT_IN = ("", "batch", "rbac.authorization.k8s.io", "admissionregistration.k8s.io")
DIRECTIVES = ("$patch", "$retainKeys")


def patched(live: Object, patch: Any, sort: str, definition: Definition) -> Object:
    if sort == JSON:
        return _json(live, patch, definition)
    if not isinstance(patch, dict):
        raise bad_request("the patch is not an object")
    if sort == MERGE:
        found = _merge(live, patch)
    elif sort == STRATEGIC and definition.group in BUILT_IN:
        schema = {**definition.schema, "properties": {**definition.schema["properties"], "metadata": METADATA}}
        found = strategic(live, patch, schema)
    else:
        accepted = [JSON, MERGE, APPLY[0], *([STRATEGIC] if definition.group in BUILT_IN else [])]
        raise unsupported(f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}")
    return dict(found)


def _json(live: Object, patch: Any, definition: Definition) -> Object:
    try:
        found: Object = jsonpatch.JsonPatch(patch).apply(live)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError) as fault:
        raise invalid(definition, live["metadata"]["name"], [Cause("patch", f"Invalid value: {fault}")]) from fault
    return found


def _merge(live: Any, patch: Any) -> Any:
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(live) if isinstance(live, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merge(merged.get(name), value)
    return merged


def strategic(live: Any, patch: Any, schema: Schema) -> Any:
    """Maps by field, keyed lists by their first merge key, `$patch: delete|replace`, `$deleteFromPrimitiveList`, `$setElementOrder`."""
    if not isinstance(patch, Mapping):
        return patch
    if patch.get("$patch") == "replace":
        return {name: value for name, value in patch.items() if name not in DIRECTIVES}
    merged = dict(live) if isinstance(live, Mapping) else {}
    if "$retainKeys" in patch:
        merged = {name: value for name, value in merged.items() if name in patch["$retainKeys"]}
    for name, value in patch.items():
        directive, _, field = name.rpartition("/")
        if directive == "$deleteFromPrimitiveList":
            merged[field] = [each for each in merged.get(field) or () if each not in value]
        elif directive == "$setElementOrder" or name in DIRECTIVES:
            continue
        elif value is None:
            merged.pop(name, None)
        elif isinstance(value, list) and list_type(child(schema, name)) in ("map", "set"):
            merged[name] = _lists(merged.get(name) or [], value, child(schema, name))
        else:
            merged[name] = strategic(merged.get(name), value, child(schema, name))
    for name, order in patch.items():
        if name.startswith("$setElementOrder/"):
            field = name.partition("/")[2]
            if isinstance(merged.get(field), list):
                merged[field] = _ordered(merged[field], order, child(schema, field))
    return merged


def _lists(live: list[Any], patch: list[Any], schema: Schema) -> list[Any]:
    if list_type(schema) == "set":
        return live + [each for each in patch if each not in live]
    key = schema["x-kubernetes-list-map-keys"][0]
    if any(each.get("$patch") == "replace" for each in patch):
        return [each for each in patch if "$patch" not in each]
    merged = list(live)
    for each in patch:
        place = next((index for index, item in enumerate(merged) if item.get(key) == each.get(key)), None)
        if each.get("$patch") == "delete":
            if place is not None:
                del merged[place]
        elif place is None:
            merged.append(strategic({}, each, items(schema)))
        else:
            merged[place] = strategic(merged[place], each, items(schema))
    return merged


def _ordered(found: list[Any], order: list[Any], schema: Schema) -> list[Any]:
    """In the order asked for; what it does not name comes after."""
    key = (schema.get("x-kubernetes-list-map-keys") or [None])[0]

    def word(item: Any) -> Any:
        return item.get(key) if isinstance(item, Mapping) else item

    places = {word(item): place for place, item in enumerate(order)}
    return sorted(found, key=lambda item: places.get(word(item), len(places)))
