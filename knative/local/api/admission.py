"""What a client's object must be before the store takes it: complete, right in every field, allowed where it is put."""

import base64
import random

from knative.local.api import rules
from knative.local.api.policies import Policies, Write
from knative.local.api.schema import faults, immutable, unknown, whole, with_defaults, without_nulls
from knative.local.api.status import Cause, bad_request, forbidden, invalid, not_found, unknown_fields
from knative.local.api.target import Target
from knative.local.definitions import Definition, Definitions
from knative.local.objects import Object
from knative.local.quotas import Exceeded, Quotas
from knative.local.rbac import CLUSTER_ROLE, CLUSTER_ROLE_BINDING, GROUP, ROLE, ROLE_BINDING, Attempt, Authorizer
from knative.local.store import Store
from knative.local.tokens import Identity

LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""Kubernetes' own for generated names: no vowels, so no words."""


class Admission:
    def __init__(self, store: Store, definitions: Definitions, authorizer: Authorizer) -> None:
        self._store = store
        self._definitions = definitions
        self._authorizer = authorizer
        self._quotas = Quotas(store, definitions)
        self._policies = Policies(store)

    def named(self, sent: object, target: Target) -> Object:
        """The object with the kind, name and namespace of the path; refused when it says otherwise."""
        definition = target.definition
        if not isinstance(sent, dict):
            raise bad_request("the body is not an object")
        found: Object = without_nulls(sent)
        for field, wanted in (("apiVersion", definition.api_version), ("kind", definition.kind)):
            if found.setdefault(field, wanted) != wanted:
                raise bad_request(f"the {field} of the object ({found[field]}) does not match the expected {field} ({wanted})")
        metadata = found.setdefault("metadata", {})
        if not isinstance(metadata, dict):
            raise bad_request("metadata is not an object")
        for field, named in (("namespace", target.namespace), ("name", target.name)):
            if named and metadata.setdefault(field, named) != named:
                raise bad_request(f"the {field} of the object ({metadata[field]}) does not match the {field} on the URL ({named})")
        if not target.namespace:
            metadata.pop("namespace", None)
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = str(metadata["generateName"])[:58] + "".join(random.choices(LETTERS, k=5))
        if not metadata.get("name"):
            raise invalid(definition, "", [Cause("metadata.name", "Required value: name or generateName is required", "FieldValueRequired")])
        return found

    def complete(self, made: Object, old: Object | None, definition: Definition) -> Object:
        """With defaults; refused when a field is unknown, wrong, or may not change."""
        name, schema = made["metadata"]["name"], whole(definition)
        if strangers := list(unknown(made, schema)):
            raise unknown_fields(definition, strangers)
        made = with_defaults(made, schema)
        if definition.key == "Secret" and (plain := made.pop("stringData", None)):
            made["data"] = (made.get("data") or {}) | {key: _base64(value) for key, value in plain.items()}
        wrong = faults(made, definition) or list(rules.causes(made))
        if not wrong and old is not None:
            wrong = list(immutable(made, old, schema)) + list(_sealed(made, old))
        if wrong:
            raise invalid(definition, str(name), wrong)
        if definition.key == "Namespace":
            made["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = name
            made["spec"] = {"finalizers": ["kubernetes"]} if old is None else old["spec"]
        return made

    def may_create(self, made: Object, definition: Definition) -> None:
        name, namespace = made["metadata"]["name"], made["metadata"].get("namespace")
        if namespace:
            found = self._store.find("Namespace", None, namespace)
            if found is None:
                raise not_found(self._definitions.of("Namespace"), namespace)
            if "deletionTimestamp" in found["metadata"]:
                raise forbidden(definition, name, f"unable to create new content in namespace {namespace} because it is being terminated")
        try:
            self._quotas.admit(made)
        except Exceeded as exceeded:
            raise forbidden(definition, name, str(exceeded)) from exceeded

    def must_comply(self, write: Write) -> None:
        """Raises the Refusal of an admission policy that denies the request. Last, as in Kubernetes: policies see the object that would be stored."""
        self._policies.admit(write)

    def may_grant(self, made: Object, definition: Definition, identity: Identity) -> None:
        """Roles and bindings give only what their writer has."""
        key, name, namespace = definition.key, made["metadata"]["name"], made["metadata"].get("namespace")
        if key in (ROLE, CLUSTER_ROLE):
            verb, resource, rules_given = "escalate", definition.plural, made.get("rules") or []
        elif key in (ROLE_BINDING, CLUSTER_ROLE_BINDING):
            reference = made["roleRef"]
            verb, resource, name = "bind", "roles" if reference["kind"] == "Role" else "clusterroles", reference["name"]
            rules_given = self._authorizer.rules_of(reference, namespace)
        else:
            return
        if self._authorizer.allows(identity, Attempt(verb, GROUP, resource, namespace, name)):
            return
        if not self._authorizer.may_grant(identity, rules_given, namespace):
            why = f'user "{identity.name}" is attempting to grant RBAC permissions not currently held'
            raise forbidden(definition, made["metadata"]["name"], why)


def _sealed(made: Object, old: Object) -> list[Cause]:
    """Secrets and ConfigMaps that were declared immutable."""
    if not old.get("immutable"):
        return []
    changed = [field for field in ("data", "binaryData", "immutable") if made.get(field) != old.get(field)]
    return [Cause(field, "field is immutable when `immutable` is set") for field in changed]


def _base64(text: object) -> object:
    return base64.b64encode(text.encode()).decode() if isinstance(text, str) else text
