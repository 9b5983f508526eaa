"""Judges of a manifest: does this kind exist, and does it have these fields? Unknown kinds and unknown fields are faults.

Core kinds are judged by the schemas that the package kubernetes-validate carries, Knative's by cloudcoil's models; the one kind that no package
has a model of, by the one-machine Knative's own definition. Where the upstream CRDs lie beside the project they judge as well.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import jsonschema_rs
import kubernetes_validate  # type: ignore[import-untyped]
import yaml
from pydantic import BaseModel, ValidationError

from knative.local import definitions

Manifest = dict[str, Any]

PROJECT = Path(__file__).parents[2]
CRDS = PROJECT.parent / "shared" / "knative" / "crds"
KUBERNETES = "1.33"
CORE = ("v1", "admissionregistration.k8s.io/v1", "apps/v1", "batch/v1", "networking.k8s.io/v1", "rbac.authorization.k8s.io/v1", "policy/v1")
MODELS = {
    "serving.knative.dev/v1": "cloudcoil.models.knative_serving.serving.v1",
    "serving.knative.dev/v1beta1": "cloudcoil.models.knative_serving.serving.v1beta1",
    "eventing.knative.dev/v1": "cloudcoil.models.knative_eventing.eventing.v1",
    "sources.knative.dev/v1": "cloudcoil.models.knative_eventing.sources.v1",
    "networking.internal.knative.dev/v1alpha1": "cloudcoil.models.knative_serving.internal.networking.v1alpha1",
}
ONLY_OURS = {("eventing.knative.dev/v1alpha1", "RabbitmqBrokerConfig"): "RabbitmqBrokerConfig.eventing.knative.dev"}
REFERENCE = {"type": "object", "additionalProperties": False, "required": ["name"], "properties": {"name": {"type": "string"}}}
OF_TOPOLOGY_OPERATOR: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("rabbitmq.com/v1beta1", "User"): {"importCredentialsSecret": REFERENCE, "tags": {"type": "array"}},
    ("rabbitmq.com/v1beta1", "Permission"): {
        "userReference": REFERENCE, "vhost": {"type": "string"}, "permissions": {name: {"type": "string"} for name in ("configure", "write", "read")},
    },
    ("rabbitmq.com/v1beta1", "TopicPermission"): {
        "userReference": REFERENCE, "vhost": {"type": "string"}, "permissions": {name: {"type": "string"} for name in ("exchange", "write", "read")},
    },
}  # fmt: skip
"""Kinds of RabbitMQ's messaging topology operator that no package has a model of: the fields of their spec that we use; all but tags
are required. Its documentation: https://www.rabbitmq.com/kubernetes/operator/using-topology-operator#users-permissions"""
NEWER = {("Broker", ".spec.delivery.timeout")}
"""Fields that are younger than the models (1.17); the upstream CRDs have them, and a Broker without it waits for ever."""


def faults(manifest: Manifest) -> list[str]:
    """By what PyPI knows."""
    version, kind = manifest.get("apiVersion", ""), manifest.get("kind", "")
    if version in CORE:
        return list(_core_faults(manifest))
    if version in MODELS:
        return list(_model_faults(manifest, version, kind))
    if (version, kind) in ONLY_OURS:
        definition = definitions.load().of(ONLY_OURS[version, kind])
        return _schema_faults(manifest, definition.schema)
    if (version, kind) in OF_TOPOLOGY_OPERATOR:
        return _schema_faults(manifest, _topology_schema(OF_TOPOLOGY_OPERATOR[version, kind]))
    return [f"{version} {kind} is no kind that we know"]


def crd_faults(manifest: Manifest) -> list[str]:
    """By the upstream CRD; none for a kind that is built into Kubernetes."""
    version, kind = manifest.get("apiVersion", ""), manifest.get("kind", "")
    if version in CORE:
        return []
    schema = upstream().get((version, kind))
    return [f"no CRD defines {version} {kind}"] if schema is None else _schema_faults(manifest, schema)


@cache
def upstream() -> Mapping[tuple[str, str], Any]:
    """(apiVersion, kind) → schema, of all CRDs beside the project."""
    found = {}
    for file in sorted(CRDS.rglob("*.yaml")):
        for crd in yaml.load_all(file.read_text(), yaml.CSafeLoader):
            if crd and crd.get("kind") == "CustomResourceDefinition":
                spec = crd["spec"]
                for version in spec["versions"]:
                    if version.get("served"):
                        found[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = version["schema"]["openAPIV3Schema"]
    return found


def _core_faults(manifest: Manifest) -> Iterator[str]:
    try:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        yield f"{'.'.join(str(step) for step in error.path)}: {error.message}"
    except kubernetes_validate.SchemaNotFoundError:
        yield f"{manifest['apiVersion']} {manifest.get('kind')} is no kind of Kubernetes {KUBERNETES}"


def _model_faults(manifest: Manifest, version: str, kind: str) -> Iterator[str]:
    model: type[BaseModel] | None = getattr(import_module(MODELS[version]), kind, None)
    if model is None:
        yield f"{version} has no kind {kind}"
        return
    try:
        understood = model.model_validate(manifest).model_dump(by_alias=True, exclude_unset=True, mode="json")
    except ValidationError as error:
        yield from (f"{'.'.join(str(step) for step in fault['loc'])}: {fault['msg']}" for fault in error.errors())
        return
    yield from (f"{field}: unknown field" for field in _not_understood(manifest, understood, "") if (kind, field) not in NEWER)


def _not_understood(given: Any, understood: Any, where: str) -> Iterator[str]:
    """The models ignore what they do not know: it is what is missing afterwards."""
    if isinstance(given, dict) and isinstance(understood, dict):
        for name, value in given.items():
            if name not in understood:
                yield f"{where}.{name}"
            else:
                yield from _not_understood(value, understood[name], f"{where}.{name}")
    elif isinstance(given, list) and isinstance(understood, list):
        for index, value in enumerate(given):
            yield from _not_understood(value, understood[index], f"{where}[{index}]")


def _topology_schema(fields: Mapping[str, Any]) -> Any:
    cluster = {"type": "object", "properties": {"name": {"type": "string"}, "namespace": {"type": "string"}}}
    properties: dict[str, Any] = {**fields, "rabbitmqClusterReference": cluster}
    if "permissions" in fields:
        properties["permissions"] = {"type": "object", "properties": fields["permissions"], "required": sorted(fields["permissions"])}
    required = sorted(properties.keys() - {"tags"})
    return {"type": "object", "required": ["spec"], "properties": {"spec": {"type": "object", "required": required, "properties": properties}}}


def _schema_faults(manifest: Manifest, schema: Any) -> list[str]:
    strict = strictly(schema)
    strict["properties"] = {
        **strict.get("properties", {}),
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
    }
    validator = jsonschema_rs.Draft4Validator(strict)
    return [f"{'.'.join(str(step) for step in error.instance_path)}: {error.message}" for error in validator.iter_errors(manifest)]


def strictly(schema: Any) -> Any:
    """A CRD's structural schema that refuses what the API server would prune."""
    if isinstance(schema, list):
        return [strictly(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    known = {key: value for key, value in schema.items() if not key.startswith("x-") and key not in ("description", "default", "format", "example")}
    strict = {key: strictly(value) for key, value in known.items() if key not in ("properties", "enum")}
    if "enum" in known:
        strict["enum"] = known["enum"]
    if "properties" in known:
        strict["properties"] = {name: strictly(value) for name, value in known["properties"].items()}
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if schema.get("type") == "object" and "properties" in schema and not open_ended:
        strict["additionalProperties"] = False
    return strict
