"""Patches besides server-side apply: JSON patch (RFC 6902), merge patch (RFC 7386), and strategic merge patch.

Strategic merge patches work for Kubernetes' own kinds only; custom resources refuse them, as upstream.
"""

from collections.abc import Mapping
from typing import Any

import jsonpatch

from knative.local.api.status import Cause, bad_request, invalid, unsupported
from knative.local.definitions import Definition
from knative.local.fields import METADATA, Schema, child_schema, item_schema, list_type
from knative.local.objects import Object

APPLY = ("application/apply-patch+yaml", "application/apply-patch+cbor")
JSON, MERGE, STRATEGIC = "application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json"
BUILT_IN_GROUPS = ("", "apps", "batch", "rbac.authorization.k8s.io", "admissionregistration.k8s.io")
DIRECTIVES = ("$patch", "$retainKeys")


def apply_patch(live: Object, patch: Any, media_type: str, definition: Definition) -> Object:
    """Return the patched object. Raises StatusError (400, 415, 422)."""
    if media_type == JSON:
        return _json(live, patch, definition)
    if not isinstance(patch, dict):
        raise bad_request("the patch is not an object")
    if media_type == MERGE:
        return dict(_merge(live, patch))
    if media_type == STRATEGIC and definition.group in BUILT_IN_GROUPS:
        schema = {**definition.schema, "properties": {**definition.schema["properties"], "metadata": METADATA}}
        return dict(strategic_merge(live, patch, schema))
    accepted = [JSON, MERGE, APPLY[0], *([STRATEGIC] if definition.group in BUILT_IN_GROUPS else [])]
    raise unsupported(f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}")


def _json(live: Object, patch: Any, definition: Definition) -> Object:
    try:
        patched: Object = jsonpatch.JsonPatch(patch).apply(live)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError) as error:
        raise invalid(definition, live["metadata"]["name"], [Cause("patch", f"Invalid value: {error}")]) from error
    return patched


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


def strategic_merge(live: Any, patch: Any, schema: Schema) -> Any:
    """Merge maps by field and keyed lists by their first merge key.

    Supports `$patch: delete|replace`, `$retainKeys`, `$deleteFromPrimitiveList` and `$setElementOrder`.
    """
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
        elif isinstance(value, list) and list_type(child_schema(schema, name)) in ("map", "set"):
            merged[name] = _merge_lists(merged.get(name) or [], value, child_schema(schema, name))
        else:
            merged[name] = strategic_merge(merged.get(name), value, child_schema(schema, name))
    for name, order in patch.items():
        if name.startswith("$setElementOrder/"):
            field = name.partition("/")[2]
            if isinstance(merged.get(field), list):
                merged[field] = _ordered(merged[field], order, child_schema(schema, field))
    return merged


def _merge_lists(live: list[Any], patch: list[Any], schema: Schema) -> list[Any]:
    if list_type(schema) == "set":
        return live + [each for each in patch if each not in live]
    key = schema["x-kubernetes-list-map-keys"][0]
    if any(each.get("$patch") == "replace" for each in patch):
        return [each for each in patch if "$patch" not in each]
    merged = list(live)
    for each in patch:
        index = next((index for index, item in enumerate(merged) if item.get(key) == each.get(key)), None)
        if each.get("$patch") == "delete":
            if index is not None:
                del merged[index]
        elif index is None:
            merged.append(strategic_merge({}, each, item_schema(schema)))
        else:
            merged[index] = strategic_merge(merged[index], each, item_schema(schema))
    return merged


def _ordered(values: list[Any], order: list[Any], schema: Schema) -> list[Any]:
    """Sort values as `$setElementOrder` demands; those it does not name come last."""
    key = (schema.get("x-kubernetes-list-map-keys") or [None])[0]

    def key_of(item: Any) -> Any:
        return item.get(key) if isinstance(item, Mapping) else item

    positions = {key_of(item): position for position, item in enumerate(order)}
    return sorted(values, key=lambda item: positions.get(key_of(item), len(positions)))
