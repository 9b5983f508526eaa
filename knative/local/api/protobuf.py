"""Decode Kubernetes' protobuf encoding of request bodies, for the kubectl commands that send nothing else.

`kubectl apply`, `create -f` and all client libraries except Go's send JSON or YAML. `kubectl create
namespace|secret|configmap|serviceaccount|role| rolebinding|quota|token` and `kubectl auth can-i` send an envelope
(`k8s\\0`, runtime.Unknown) around a message of the kind. MESSAGES has the fields of those kinds. A field that is set
and not listed is refused, so nothing is dropped silently. Responses are JSON, which these clients accept.
"""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from knative.local.api.status import unsupported
from knative.local.objects import Object

MAGIC = b"k8s\x00"

FieldType = Literal["text", "bytes", "number", "flag", "message", "map", "bytes map", "quantity map"]


@dataclass(frozen=True)
class Field:
    name: str
    type: FieldType = "text"
    is_list: bool = False
    message: Mapping[int, "Field"] = field(default_factory=dict)


def _strings(*names: str) -> dict[int, Field]:
    """Fields 1, 2, … of type string."""
    return {number: Field(name) for number, name in enumerate(names, 1) if name}


def _lists(*names: str) -> dict[int, Field]:
    """Fields 1, 2, … that are lists of strings."""
    return {number: Field(name, is_list=True) for number, name in enumerate(names, 1)}


EMPTY = Field("", "message")
"""A message that clients send empty: a status, a creationTimestamp."""

METADATA: Mapping[int, Field] = {
    **_strings("name", "generateName", "namespace", "selfLink", "uid", "resourceVersion"),
    7: Field("generation", "number"), 8: EMPTY, 11: Field("labels", "map"), 12: Field("annotations", "map"), 14: Field("finalizers", is_list=True),
}  # fmt: skip
META = {1: Field("metadata", "message", message=METADATA)}
RULE = _lists("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs")
SUBJECT, ROLE_REFERENCE = _strings("kind", "apiGroup", "name", "namespace"), _strings("apiGroup", "kind", "name")
TOKEN = {1: Field("audiences", is_list=True), 3: Field("boundObjectRef", "message", message=_strings("kind", "apiVersion", "name", "uid")),
         4: Field("expirationSeconds", "number")}  # fmt: skip
ATTRIBUTES = _strings("namespace", "verb", "group", "version", "resource", "subresource", "name")
BINDING = {**META, 2: Field("subjects", "message", True, SUBJECT), 3: Field("roleRef", "message", message=ROLE_REFERENCE)}

MESSAGES: Mapping[str, Mapping[int, Field]] = {
    "Namespace": {**META, 2: Field("spec", "message", message=_lists("finalizers")), 3: EMPTY},
    "Secret": {**META, 2: Field("data", "bytes map"), 3: Field("type"), 4: Field("stringData", "map"), 5: Field("immutable", "flag")},
    "ConfigMap": {**META, 2: Field("data", "map"), 3: Field("binaryData", "bytes map"), 4: Field("immutable", "flag")},
    "ServiceAccount": META,
    "ResourceQuota": {**META, 2: Field("spec", "message", message={1: Field("hard", "quantity map")}), 3: EMPTY},
    "Role": {**META, 2: Field("rules", "message", True, RULE)},
    "ClusterRole": {**META, 2: Field("rules", "message", True, RULE)},
    "RoleBinding": BINDING,
    "ClusterRoleBinding": BINDING,
    "TokenRequest": {**META, 2: Field("spec", "message", message=TOKEN), 3: EMPTY},
    "SelfSubjectAccessReview": {
        **META, 2: Field("spec", "message", message={1: Field("resourceAttributes", "message", message=ATTRIBUTES)}), 3: EMPTY,
    },
    "DeleteOptions": {
        1: Field("gracePeriodSeconds", "number"), 2: Field("preconditions", "message", message=_strings("uid", "resourceVersion")),
        3: Field("orphanDependents", "flag"), 4: Field("propagationPolicy"), 5: Field("dryRun", is_list=True),
    },
}  # fmt: skip


def decode(body: bytes) -> Object:
    """Decode an envelope. Raises StatusError (415)."""
    if not body.startswith(MAGIC):
        raise unsupported("the body is not a Kubernetes protobuf envelope; accepted media types include: application/json, application/yaml")
    try:
        envelope = {number: value for number, value in _wire(body[len(MAGIC) :]) if isinstance(value, bytes)}
        kind = {number: value.decode() for number, value in _wire(envelope.get(1, b"")) if isinstance(value, bytes)}
        if kind.get(2) not in MESSAGES:
            raise unsupported(f"{kind.get(2)} is not supported as protobuf: send it as YAML or JSON, with `kubectl apply -f`")
        return {"apiVersion": kind.get(1, ""), "kind": kind[2], **_message(envelope.get(2, b""), MESSAGES[kind[2]], kind[2])}
    except (IndexError, ValueError) as error:
        raise unsupported("the protobuf body is malformed") from error


def _message(data: bytes, fields: Mapping[int, Field], path: str) -> Object:
    message: Object = {}
    for number, value in _wire(data):
        field = fields.get(number)
        if field is None and not any(_set_values(value)):
            continue
        if field is None or (field is EMPTY and any(_set_values(value))):
            raise unsupported(f"field {number} of {path} is not supported as protobuf: send it as YAML or JSON, with `kubectl apply -f`")
        if field is EMPTY:
            continue
        if field.type.endswith("map") and isinstance(value, bytes):
            message.setdefault(field.name, {}).update([_map_entry(value, field.type)])
            continue
        decoded = _value(value, field, path)
        if field.is_list:
            message.setdefault(field.name, []).append(decoded)
        elif decoded != "":
            message[field.name] = decoded
    return message


def _set_values(value: bytes | int) -> Iterator[bool]:
    """Yield whether each value within a message is set. Go writes absent fields as zeros and empty messages."""
    if isinstance(value, int):
        yield value != 0
        return
    try:
        for _, inner in _wire(value):
            yield from _set_values(inner)
    except (IndexError, ValueError):  # a string, not a message
        yield bool(value)


def _value(value: bytes | int, field: Field, path: str) -> Any:
    if isinstance(value, int):
        return bool(value) if field.type == "flag" else value
    if field.type == "message":
        return _message(value, field.message, f"{path}.{field.name}")
    return base64.b64encode(value).decode() if field.type == "bytes" else value.decode()


def _map_entry(data: bytes, type: str) -> tuple[str, str]:
    pair = {number: value for number, value in _wire(data) if isinstance(value, bytes)}
    key, value = pair.get(1, b"").decode(), pair.get(2, b"")
    if type == "bytes map":
        return key, base64.b64encode(value).decode()
    if type == "quantity map":
        value = next((inner for _, inner in _wire(value) if isinstance(inner, bytes)), b"")
    return key, value.decode()


def _wire(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Yield (field number, bytes or integer) of protobuf's wire format. Raises ValueError and IndexError."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == 0:
            value, position = _varint(data, position)
            yield number, value
        elif wire_type == 2:
            size, position = _varint(data, position)
            if position + size > len(data):
                raise ValueError("truncated")
            yield number, data[position : position + size]
            position += size
        else:
            raise ValueError(f"wire type {wire_type}")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
        if shift > 63:
            raise ValueError("varint is too long")
