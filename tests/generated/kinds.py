"""Validate manifests: unknown kinds and unknown fields are faults.

Core kinds are validated by the schemas in kubernetes-validate, Knative's kinds by cloudcoil's models, and the one kind
without a model in any package by the definition of the one-machine Knative. Upstream CRDs are used too, if there is a
folder `shared/knative/crds` beside the project.
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
from tests.generated import operator_kinds

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
"""Kinds of RabbitMQ's messaging topology operator, without a model in any package: the fields that Capsule uses. All but
`tags` are required. https://www.rabbitmq.com/kubernetes/operator/using-topology-operator#users-permissions"""
NEWER = {("Broker", ".spec.delivery.timeout")}
"""Fields newer than the models (1.17). The upstream CRDs have them, and a Broker without a timeout waits without end."""


def faults(manifest: Manifest) -> list[str]:
    """Return the faults by schemas and models from PyPI."""
    version, kind = manifest.get("apiVersion", ""), manifest.get("kind", "")
    if version in CORE:
        return list(_core_faults(manifest))
    if version in MODELS:
        return list(_model_faults(manifest, version, kind))
    if (version, kind) in ONLY_OURS:
        return _schema_faults(manifest, _our_validator(version, kind))
    if (version, kind) in operator_kinds.KINDS:
        return _schema_faults(manifest, _operator_validator(version, kind))
    if (version, kind) in OF_TOPOLOGY_OPERATOR:
        return _schema_faults(manifest, _topology_validator(version, kind))
    return [f"{version} {kind} is not a known kind"]


def crd_faults(manifest: Manifest) -> list[str]:
    """Return the faults by the upstream CRD. Core kinds have none."""
    version, kind = manifest.get("apiVersion", ""), manifest.get("kind", "")
    if version in CORE or ((version, kind) in operator_kinds.KINDS and (version, kind) not in upstream()):
        return []
    if (version, kind) not in upstream():
        return [f"no CRD defines {version} {kind}"]
    return _schema_faults(manifest, _upstream_validator(version, kind))


@cache
def upstream() -> Mapping[tuple[str, str], Any]:
    """Return (apiVersion, kind) → schema of all upstream CRDs."""
    schemas = {}
    for file in sorted(CRDS.rglob("*.yaml")):
        for crd in yaml.load_all(file.read_text(), yaml.CSafeLoader):
            if crd and crd.get("kind") == "CustomResourceDefinition":
                spec = crd["spec"]
                for version in spec["versions"]:
                    if version.get("served"):
                        schemas[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = version["schema"]["openAPIV3Schema"]
    return schemas


def _core_faults(manifest: Manifest) -> Iterator[str]:
    try:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        yield f"{'.'.join(str(step) for step in error.path)}: {error.message}"
    except kubernetes_validate.SchemaNotFoundError:
        yield f"{manifest['apiVersion']} {manifest.get('kind')} is not a kind of Kubernetes {KUBERNETES}"


def _model_faults(manifest: Manifest, version: str, kind: str) -> Iterator[str]:
    model: type[BaseModel] | None = getattr(import_module(MODELS[version]), kind, None)
    if model is None:
        yield f"{version} has no kind {kind}"
        return
    try:
        dumped = model.model_validate(manifest).model_dump(by_alias=True, exclude_unset=True, mode="json")
    except ValidationError as error:
        yield from (f"{'.'.join(str(step) for step in fault['loc'])}: {fault['msg']}" for fault in error.errors())
        return
    yield from (f"{field}: unknown field" for field in _unknown_fields(manifest, dumped, "") if (kind, field) not in NEWER)


def _unknown_fields(document: Any, dumped: Any, where: str) -> Iterator[str]:
    """The models ignore unknown fields, so they are missing in the dump."""
    if isinstance(document, dict) and isinstance(dumped, dict):
        for name, value in document.items():
            if name not in dumped:
                yield f"{where}.{name}"
            else:
                yield from _unknown_fields(value, dumped[name], f"{where}.{name}")
    elif isinstance(document, list) and isinstance(dumped, list):
        for index, value in enumerate(document):
            yield from _unknown_fields(value, dumped[index], f"{where}[{index}]")


def _topology_schema(fields: Mapping[str, Any]) -> Any:
    cluster = {"type": "object", "properties": {"name": {"type": "string"}, "namespace": {"type": "string"}}}
    properties: dict[str, Any] = {**fields, "rabbitmqClusterReference": cluster}
    if "permissions" in fields:
        properties["permissions"] = {"type": "object", "properties": fields["permissions"], "required": sorted(fields["permissions"])}
    required = sorted(properties.keys() - {"tags"})
    return {"type": "object", "required": ["spec"], "properties": {"spec": {"type": "object", "required": required, "properties": properties}}}


@cache
def _our_validator(version: str, kind: str) -> jsonschema_rs.Draft4Validator:
    return _strict_validator(definitions.load().of(ONLY_OURS[version, kind]).schema)


@cache
def _operator_validator(version: str, kind: str) -> jsonschema_rs.Draft4Validator:
    return _strict_validator(operator_kinds.KINDS[version, kind])


@cache
def _topology_validator(version: str, kind: str) -> jsonschema_rs.Draft4Validator:
    return _strict_validator(_topology_schema(OF_TOPOLOGY_OPERATOR[version, kind]))


@cache
def _upstream_validator(version: str, kind: str) -> jsonschema_rs.Draft4Validator:
    return _strict_validator(upstream()[version, kind])


def _strict_validator(schema: Any) -> jsonschema_rs.Draft4Validator:
    strict = to_strict(schema)
    strict["properties"] = {
        **strict.get("properties", {}),
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
    }
    return jsonschema_rs.Draft4Validator(strict)


def _schema_faults(manifest: Manifest, validator: jsonschema_rs.Draft4Validator) -> list[str]:
    return [f"{'.'.join(str(step) for step in error.instance_path)}: {error.message}" for error in validator.iter_errors(manifest)]


def to_strict(schema: Any) -> Any:
    """Return a CRD's structural schema that rejects what the API server would prune."""
    if isinstance(schema, list):
        return [to_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    known = {key: value for key, value in schema.items() if not key.startswith("x-") and key not in ("description", "default", "format", "example")}
    strict = {key: to_strict(value) for key, value in known.items() if key not in ("properties", "enum")}
    if not strict.get("required", True):
        del strict["required"]  # Draft 4 has no empty list
    if "enum" in known:
        strict["enum"] = known["enum"]
    if "properties" in known:
        strict["properties"] = {name: to_strict(value) for name, value in known["properties"].items()}
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if schema.get("type") == "object" and "properties" in schema and not open_ended:
        strict["additionalProperties"] = False
    return strict
