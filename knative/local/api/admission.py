"""Admission of writes: names, schema, defaults, immutability, rules of each kind, quotas, escalation and policies."""

import base64
import random
from collections.abc import Mapping

from knative.local.api import rules
from knative.local.api.policies import Policies, Write
from knative.local.api.schema import immutability_causes, schema_causes, unknown_paths, whole, with_defaults, without_nulls
from knative.local.api.status import Cause, bad_request, forbidden, invalid, not_found, unknown_fields
from knative.local.api.target import Target
from knative.local.definitions import Definition, Definitions
from knative.local.objects import Object
from knative.local.quotas import QuotaExceeded, Quotas
from knative.local.rbac import CLUSTER_ROLE, CLUSTER_ROLE_BINDING, GROUP, ROLE, ROLE_BINDING, Attempt, Authorizer
from knative.local.store import Store
from knative.local.tokens import Identity

NAME_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Kubernetes' alphabet for generated names: no vowels, so no words."""
MAX_GENERATED_PREFIX = 58
SERVING_NAMESPACE = "knative-serving"


class Admission:
    def __init__(self, store: Store, definitions: Definitions, authorizer: Authorizer) -> None:
        self._store = store
        self._definitions = definitions
        self._authorizer = authorizer
        self._quotas = Quotas(store, definitions)
        self._policies = Policies(store)

    def named(self, body: object, target: Target) -> Object:
        """Return the body with kind, name and namespace of the path. Raises StatusError if it has other ones."""
        definition = target.definition
        if not isinstance(body, dict):
            raise bad_request("the body is not an object")
        object: Object = without_nulls(body)
        for field, expected in (("apiVersion", definition.api_version), ("kind", definition.kind)):
            if object.setdefault(field, expected) != expected:
                raise bad_request(f"the {field} of the object ({object[field]}) does not match the expected {field} ({expected})")
        metadata = object.setdefault("metadata", {})
        if not isinstance(metadata, dict):
            raise bad_request("metadata is not an object")
        for field, expected_name in (("namespace", target.namespace), ("name", target.name)):
            if expected_name and metadata.setdefault(field, expected_name) != expected_name:
                raise bad_request(f"the {field} of the object ({metadata[field]}) does not match the {field} on the URL ({expected_name})")
        if not target.namespace:
            metadata.pop("namespace", None)
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = str(metadata["generateName"])[:MAX_GENERATED_PREFIX] + "".join(random.choices(NAME_ALPHABET, k=5))
        if not metadata.get("name"):
            raise invalid(definition, "", [Cause("metadata.name", "Required value: name or generateName is required", "FieldValueRequired")])
        return object

    def complete(self, desired: Object, old: Object | None, definition: Definition) -> Object:
        """Return the object with defaults. Raises StatusError if a field is unknown, invalid, or immutable and changed.

        `old`: the stored object of an update.
        """
        name, schema = desired["metadata"]["name"], whole(definition)
        if unknown := list(unknown_paths(desired, schema)):
            raise unknown_fields(definition, unknown)
        desired = with_defaults(desired, schema)
        if definition.key == "Secret" and (plain := desired.pop("stringData", None)):
            desired["data"] = (desired.get("data") or {}) | {key: _base64(value) for key, value in plain.items()}
        causes = schema_causes(desired, definition) or list(rules.causes(desired, self._features()))
        if not causes and old is not None:
            causes = [*immutability_causes(desired, old, schema), *_immutable_data_causes(desired, old), *rules.change_causes(desired, old)]
        if causes:
            raise invalid(definition, str(name), causes)
        if definition.key == "Namespace":
            desired["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = name
            desired["spec"] = {"finalizers": ["kubernetes"]} if old is None else old["spec"]
        return desired

    def _features(self) -> Mapping[str, str]:
        """Of Knative Serving, as its operator has set them."""
        settings = self._store.find("ConfigMap", SERVING_NAMESPACE, "config-features")
        return (settings or {}).get("data") or {}

    def check_creation(self, desired: Object, definition: Definition) -> None:
        """Raises StatusError if the namespace is missing or terminating, or a quota is exceeded."""
        name, namespace = desired["metadata"]["name"], desired["metadata"].get("namespace")
        if namespace:
            parent = self._store.find("Namespace", None, namespace)
            if parent is None:
                raise not_found(self._definitions.of("Namespace"), namespace)
            if "deletionTimestamp" in parent["metadata"]:
                raise forbidden(definition, name, f"unable to create new content in namespace {namespace} because it is being terminated")
        try:
            self._quotas.admit(desired)
        except QuotaExceeded as exceeded:
            raise forbidden(definition, name, str(exceeded)) from exceeded

    def check_policies(self, write: Write) -> None:
        """Raises StatusError if an admission policy denies the write. Runs last, as in Kubernetes: policies see the object to store."""
        self._policies.admit(write)

    def check_escalation(self, desired: Object, definition: Definition, identity: Identity) -> None:
        """Raises StatusError if a role or binding grants more than its writer has. Other kinds pass.

        Source: Kubernetes, "RBAC: privilege escalation prevention and bootstrapping".
        """
        key, name, namespace = definition.key, desired["metadata"]["name"], desired["metadata"].get("namespace")
        if key in (ROLE, CLUSTER_ROLE):
            verb, resource, granted = "escalate", definition.plural, desired.get("rules") or []
        elif key in (ROLE_BINDING, CLUSTER_ROLE_BINDING):
            reference = desired["roleRef"]
            verb, resource, name = "bind", "roles" if reference["kind"] == "Role" else "clusterroles", reference["name"]
            granted = self._authorizer.rules_of(reference, namespace)
        else:
            return
        if self._authorizer.allows(identity, Attempt(verb, GROUP, resource, namespace, name)):
            return
        if not self._authorizer.may_grant(identity, granted, namespace):
            reason = f'user "{identity.name}" is attempting to grant RBAC permissions not currently held'
            raise forbidden(definition, desired["metadata"]["name"], reason)


def _immutable_data_causes(desired: Object, old: Object) -> list[Cause]:
    """The changes to a Secret or ConfigMap that is marked immutable."""
    if not old.get("immutable"):
        return []
    changed = [field for field in ("data", "binaryData", "immutable") if desired.get(field) != old.get(field)]
    return [Cause(field, "field is immutable when `immutable` is set") for field in changed]


def _base64(text: object) -> object:
    return base64.b64encode(text.encode()).decode() if isinstance(text, str) else text
