"""The kinds that the API supports, as data: a document like a CustomResourceDefinition for each, in YAML files.

They drive everything generic: routes, discovery, validation, defaults, merging of lists, immutability, Table columns
and OpenAPI. To support another kind, write its document. `$ref` names a schema of shared.yaml. `x-kubernetes-*` mean
the same as in a CRD; of x-kubernetes-validations only the rule `self == oldSelf` is supported. Two extensions:
`clientVerbs` restricts what clients may do, and a jsonPath that begins with `=` names a computed cell (`api/cells.py`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
IMMUTABLE_RULE = "self == oldSelf"

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str
    path: str
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Definition:
    group: str
    version: str
    kind: str
    plural: str
    singular: str
    namespaced: bool
    schema: Schema = field(repr=False)
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    subresources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = VERBS

    @property
    def key(self) -> str:
        return f"{self.kind}.{self.group}" if self.group else self.kind

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """`services.serving.knative.dev`, as Kubernetes names it in messages."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def has_status(self) -> bool:
        return "status" in self.subresources


class Definitions:
    """All definitions, by kind and by path."""

    def __init__(self, definitions: list[Definition]) -> None:
        self._all = definitions
        self._by_kind = {each.key: each for each in definitions}
        self._by_path = {(each.group, each.version, each.plural): each for each in definitions}

    def __iter__(self) -> Iterator[Definition]:
        return iter(self._all)

    def find(self, kind: str) -> Definition | None:
        return self._by_kind.get(kind)

    def of(self, kind: str) -> Definition:
        return self._by_kind[kind]

    def at(self, group: str, version: str, plural: str) -> Definition | None:
        return self._by_path.get((group, version, plural))

    def versions(self) -> dict[str, list[str]]:
        """Group → versions, in the order of the files."""
        by_group: dict[str, list[str]] = {}
        for each in self._all:
            versions = by_group.setdefault(each.group, [])
            if each.version not in versions:
                versions.append(each.version)
        return by_group

    def has_status(self, kind: str) -> bool:
        return self._by_kind[kind].has_status

    def has_generation(self, kind: str) -> bool:
        return "spec" in self._by_kind[kind].schema["properties"]

    def merge_schema(self, kind: str) -> Mapping[str, Any]:
        return self._by_kind[kind].schema


@cache
def load() -> Definitions:
    shared: dict[str, Schema] = yaml.load((HERE / "shared.yaml").read_text(), yaml.CSafeLoader)
    resolver = _Resolver(shared)
    documents = [
        document
        for path in sorted(HERE.glob("*.yaml")) if path.name != "shared.yaml"
        for document in yaml.load_all(path.read_text(), yaml.CSafeLoader)
    ]  # fmt: skip
    return Definitions([_definition(document["spec"], resolver) for document in documents])


def _definition(spec: Mapping[str, Any], resolver: "_Resolver") -> Definition:
    names, (version,) = spec["names"], spec["versions"]
    return Definition(
        group=spec["group"], version=version["name"], kind=names["kind"], plural=names["plural"], singular=names["singular"],
        namespaced=spec["scope"] == "Namespaced", schema=resolver.resolve(version["schema"]["openAPIV3Schema"]),
        short_names=tuple(names.get("shortNames", ())), categories=tuple(names.get("categories", ())),
        columns=tuple(
            Column(each["name"], each["type"], each["jsonPath"], each.get("priority", 0)) for each in version.get("additionalPrinterColumns", ())
        ),
        subresources=tuple(version.get("subresources", ())), verbs=tuple(spec.get("clientVerbs", VERBS)),
    )  # fmt: skip


class _Resolver:
    """Replaces `$ref` by the schema it names. All references to a name share one object, which saves memory."""

    def __init__(self, shared: Mapping[str, Schema]) -> None:
        self._shared = shared
        self._resolved: dict[str, Schema] = {}

    def resolve(self, schema: Any) -> Any:
        if isinstance(schema, list):
            return [self.resolve(each) for each in schema]
        if not isinstance(schema, dict):
            return schema
        own = {name: self.resolve(value) for name, value in schema.items() if name != "$ref"}
        if "$ref" not in schema:
            return own
        name = schema["$ref"]
        if name not in self._resolved:
            self._resolved[name] = self.resolve(self._shared[name])
        shared = self._resolved[name]
        if not own:
            return shared
        merged = {**shared, **own}
        if "properties" in own and "properties" in shared:
            merged["properties"] = {**shared["properties"], **own["properties"]}
        return merged
