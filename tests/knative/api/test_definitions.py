"""The definitions are a subset of a cluster's: they have no fields of their own and merge lists in the same way.

Compared with models from PyPI, and with the upstream CRDs if they are beside the project.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from knative.local import definitions
from knative.local.api import rules, schema
from knative.local.api.cells import COMPUTED
from knative.local.api.pod_rules import STREAM_FIELDS
from knative.local.definitions import Definition
from knative.local.objects import kind_of

CRDS = Path(__file__).parents[4] / "shared" / "knative" / "crds"
MERGING = ("x-kubernetes-list-type", "x-kubernetes-list-map-keys")
ALL = list(definitions.load())
CUSTOM = [each for each in ALL if each.group.endswith(("knative.dev", "rabbitmq.com"))]


def fields(schema: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    yield path, schema
    for name, inner in (schema.get("properties") or {}).items():
        yield from fields(inner, (*path, name))
    if "items" in schema:
        yield from fields(schema["items"], (*path, "[]"))


def at(schema: Mapping[str, Any], path: tuple[str, ...]) -> Mapping[str, Any] | None:
    """Return the upstream schema at a path; {} where upstream preserves unknown fields."""
    for step in path:
        inner = schema.get("items") if step == "[]" else (schema.get("properties") or {}).get(step)
        if inner is None:
            return {} if schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema else None
        schema = inner
    return schema


def merging(schema: Mapping[str, Any]) -> list[Any]:
    return [schema.get(each) if schema.get(each) != "atomic" else None for each in MERGING]


@pytest.fixture(scope="module")
def upstream() -> dict[tuple[str, str], dict[str, Any]]:
    if not CRDS.is_dir():
        pytest.skip("the upstream CRDs are not beside the project")
    found = {}
    for path in CRDS.glob("*/*.yaml"):
        for document in yaml.load_all(path.read_text(), yaml.CSafeLoader):
            if document and document.get("kind") == "CustomResourceDefinition":
                for version in document["spec"]["versions"]:
                    spec = document["spec"]
                    found[f"{spec['names']['kind']}.{spec['group']}", version["name"]] = {**spec, "version": version}
    return found


@pytest.mark.parametrize("definition", CUSTOM, ids=lambda each: each.key)
def test_every_field_exists_upstream(definition: Definition, upstream: dict[tuple[str, str], dict[str, Any]]) -> None:
    there = upstream[definition.key, definition.version]
    theirs_whole = there["version"]["schema"]["openAPIV3Schema"]
    names = there["names"]
    assert (definition.plural, definition.singular) == (names["plural"], names["singular"])
    assert definition.namespaced == (there["scope"] == "Namespaced")
    assert definition.short_names == tuple(names.get("shortNames", ()))
    assert definition.has_status == ("status" in (there["version"].get("subresources") or {}))
    for path, ours in fields(definition.schema):
        if path and path[-1] in STREAM_FIELDS and definition.group == "serving.knative.dev":
            continue  # of the shared container; `pod_rules` refuses them by name, as Knative's webhook does
        theirs = at(theirs_whole, path)
        assert theirs is not None, ".".join(path)
        if "type" in theirs and "type" in ours:
            assert theirs["type"] == ours["type"], ".".join(path)
        if theirs and ours.get("type") == "array":
            assert merging(ours) == merging(theirs), ".".join(path)


MODELS = {
    **dict.fromkeys(("Service", "Configuration", "Revision", "Route"), "knative_serving.serving"),
    **dict.fromkeys(("Broker", "Trigger"), "knative_eventing.eventing"),
    **dict.fromkeys(("PingSource", "ApiServerSource"), "knative_eventing.sources"),
}
"""Kind → the package of cloudcoil with its model. Its import takes half a second."""


def nested(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type):
        return annotation if issubclass(annotation, BaseModel) else None
    return next((found for each in getattr(annotation, "__args__", ()) if (found := nested(each)) is not None), None)


def unknown_fields(schema: Mapping[str, Any], model: type[BaseModel], path: str) -> Iterator[str]:
    known = {field.alias or name: field for name, field in model.model_fields.items()}
    for name, inner in (schema.get("properties") or {}).items():
        if name not in known:
            if model.model_config.get("extra") != "allow":
                yield f"{path}.{name}"
            continue
        below = nested(known[name].annotation)
        if below is not None:
            yield from unknown_fields(inner.get("items", inner), below, f"{path}.{name}")


@pytest.mark.parametrize("kind", MODELS)
def test_every_field_is_in_the_models(kind: str) -> None:
    model = getattr(import_module(f"cloudcoil.models.{MODELS[kind]}.v1"), kind)
    key = f"{kind}.{MODELS[kind].rpartition('.')[2]}.knative.dev"
    unknown = {path for path in unknown_fields(definitions.load().of(key).schema, model, key) if path.rpartition(".")[2] not in STREAM_FIELDS}
    assert unknown <= {f"{key}.spec.delivery.timeout"}  # kept by its CRD unnamed


@pytest.mark.parametrize("definition", ALL, ids=lambda each: each.key)
def test_each_column_has_a_path_or_is_computed(definition: Definition) -> None:
    assert all(column.path.startswith(".") or column.path in COMPUTED for column in definition.columns)


@pytest.mark.parametrize("definition", ALL, ids=lambda each: each.key)
def test_each_definition_is_complete(definition: Definition) -> None:
    assert definition.schema["type"] == "object" and definition.plural == definition.plural.lower()
    for path, ours in fields(definition.schema):
        assert "$ref" not in ours and ours.keys() & {"type", "x-kubernetes-int-or-string"}, ".".join(path)
        if ours.get("x-kubernetes-list-type") == "map":
            assert set(ours["x-kubernetes-list-map-keys"]) <= ours["items"]["properties"].keys()


BASE = Path(__file__).parents[3] / "knative" / "base"
FILES = sorted(path.name for path in BASE.glob("*.yaml") if path.name not in ("kustomization.yaml", "rabbitmq.yaml"))
"""One machine has no operator for the users of RabbitMQ."""


@pytest.mark.parametrize("file", FILES)
def test_objects_of_capsule_are_accepted(file: str) -> None:
    objects = [each for each in yaml.load_all((BASE / file).read_text(), yaml.CSafeLoader) if each]
    assert objects
    assert {f"{each['kind']} {each['metadata']['name']}": found for each in objects if (found := faults(each))} == {}


def faults(object: dict[str, Any]) -> list[object]:
    """Return why an object of a cluster is none of the one-machine Knative."""
    definition = definitions.load().find(kind_of(object))
    if definition is None:
        return ["the kind is not supported"]
    complete = schema.with_defaults(object, schema.whole(definition))
    return [*schema.unknown_paths(complete, schema.whole(definition)), *schema.schema_causes(complete, definition), *rules.causes(complete)]
