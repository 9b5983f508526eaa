"""OpenAPI documents of the API, made from the definitions.

/openapi/v3 is for `kubectl explain`, validation and client-side apply, /openapi/v2 for older clients.
"""

import hashlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import orjson

from knative.local.api.schema import whole
from knative.local.definitions import Definition, Definitions
from knative.local.objects import Object

INFO = {"title": "Capsule one-machine Knative", "version": "v1"}
KEYWORDS = {
    "type", "required", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "default", "description", "format",
    "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string",
    "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type",
}  # fmt: skip
METHODS = {"get": "get", "put": "put", "patch": "patch", "delete": "delete"}
APPLY_PARAMETERS = ("fieldManager", "fieldValidation", "dryRun", "force")


class OpenAPI:
    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions

    @cached_property
    def paths(self) -> Object:
        """The index of version 3. The hashes in its URLs let clients cache the documents."""
        paths = {}
        for group, versions in self._definitions.versions().items():
            for version in versions:
                path = f"apis/{group}/{version}" if group else f"api/{version}"
                digest = hashlib.sha256(orjson.dumps(self.version3(group, version))).hexdigest().upper()
                paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"}
        return {"paths": paths}

    def version3(self, group: str, version: str) -> Object | None:
        definitions = [each for each in self._definitions if (each.group, each.version) == (group, version)]
        if not definitions:
            return None
        schemas = {name(each): self._schema(each) for each in definitions}
        paths = {path: operations for each in definitions for path, operations in self._paths(each, "#/components/schemas/", is_version3=True)}
        return {"openapi": "3.0.0", "info": INFO, "paths": paths, "components": {"schemas": schemas}}

    def version2(self) -> Object:
        definitions = {name(each): self._schema(each) for each in self._definitions}
        paths = {path: operations for each in self._definitions for path, operations in self._paths(each, "#/definitions/", is_version3=False)}
        return {"swagger": "2.0", "info": INFO, "paths": paths, "definitions": definitions}

    @staticmethod
    def _schema(definition: Definition) -> Object:
        kind = {"group": definition.group, "version": definition.version, "kind": definition.kind}
        return {**_public(whole(definition)), "x-kubernetes-group-version-kind": [kind]}

    @staticmethod
    def _paths(definition: Definition, prefix: str, is_version3: bool) -> Iterator[tuple[str, Object]]:
        kind = {"group": definition.group, "version": definition.version, "kind": definition.kind}
        root = f"/apis/{definition.group}/{definition.version}" if definition.group else f"/api/{definition.version}"
        path = f"{root}/namespaces/{{namespace}}/{definition.plural}/{{name}}" if definition.namespaced else f"{root}/{definition.plural}/{{name}}"
        reference = {"$ref": prefix + name(definition)}
        answer = (
            {"description": "OK", "content": {"application/json": {"schema": reference}}}
            if is_version3
            else {"description": "OK", "schema": reference}
        )
        operations: dict[str, Object] = {
            method: {"operationId": f"{method}{definition.kind}", "x-kubernetes-action": action, "x-kubernetes-group-version-kind": kind,
                     "responses": {"200": answer}}
            for method, action in METHODS.items()
        }  # fmt: skip
        typed: Mapping[str, Any] = {"schema": {"type": "string"}} if is_version3 else {"type": "string"}
        operations["patch"]["parameters"] = [{"name": parameter, "in": "query", **typed} for parameter in APPLY_PARAMETERS]
        yield path, operations


def name(definition: Definition) -> str:
    """The name of a kind's schema: `dev.knative.serving.v1.Service`, `io.k8s.api.core.v1.Secret`."""
    reverse = ".".join(reversed(definition.group.split("."))) if "." in definition.group else f"io.k8s.api.{definition.group or 'core'}"
    return f"{reverse}.{definition.version}.{definition.kind}"


def _public(schema: Mapping[str, Any]) -> Object:
    """Return the schema with the keywords that clients know."""
    public: Object = {key: schema[key] for key in KEYWORDS & schema.keys()}
    if "properties" in schema:
        public["properties"] = {name: _public(inner) for name, inner in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if key in schema:
            public[key] = _public(schema[key])
    if schema.get("x-kubernetes-list-type") == "map":
        public |= {"x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": schema["x-kubernetes-list-map-keys"][0]}
    return public
