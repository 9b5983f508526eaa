"""Kubernetes' binary encoding of request bodies, for the kinds whose `kubectl create …` speaks nothing else.

`kubectl apply`, `create -f` and every client library but Go's send JSON or YAML. `kubectl create namespace|secret|configmap|serviceaccount|
role|rolebinding|quota|token` and `kubectl auth can-i` send an envelope (`k8s\\0`, runtime.Unknown) around a message of the kind. Here are the
fields of those kinds; one that is set and not here is refused, so nothing is lost in silence. Answers are JSON, which these clients accept.
"""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from knative.local.api.status import unsupported
from knative.local.objects import Object

MAGIC = b"k8s\x00"

Sort = Literal["text", "bytes", "number", "flag", "message", "map", "bytes map", "quantity map"]


@dataclass(frozen=True)
class Field:
    name: str
    sort: Sort = "text"
    many: bool = False
    message: Mapping[int, "Field"] = field(default_factory=dict)


def _texts(*names: str) -> dict[int, Field]:
    """Fields 1, 2, … that are plain texts."""
    return {number: Field(name) for number, name in enumerate(names, 1) if name}


def _lists(*names: str) -> dict[int, Field]:
    return {number: Field(name, many=True) for number, name in enumerate(names, 1)}


EMPTY = Field("", "message")
"""A message that is only expected empty: a status, a creationTimestamp."""

METADATA: Mapping[int, Field] = {
    **_texts("name", "generateName", "namespace", "selfLink", "uid", "resourceVersion"),
    7: Field("generation", "number"), 8: EMPTY, 11: Field("labels", "map"), 12: Field("annotations", "map"), 14: Field("finalizers", many=True),
}  # fmt: skip
META = {1: Field("metadata", "message", message=METADATA)}
RULE = _lists("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs")
SUBJECT, ROLE_REFERENCE = _texts("kind", "apiGroup", "name", "namespace"), _texts("apiGroup", "kind", "name")
TOKEN = {1: Field("audiences", many=True), 3: Field("boundObjectRef", "message", message=_texts("kind", "apiVersion", "name", "uid")),
         4: Field("expirationSeconds", "number")}  # fmt: skip
ATTRIBUTES = _texts("namespace", "verb", "group", "version", "resource", "subresource", "name")
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
        1: Field("gracePeriodSeconds", "number"), 2: Field("preconditions", "message", message=_texts("uid", "resourceVersion")),
        3: Field("orphanDependents", "flag"), 4: Field("propagationPolicy"), 5: Field("dryRun", many=True),
    },
}  # fmt: skip


def decode(body: bytes) -> Object:
    if not body.startswith(MAGIC):
        raise unsupported("the body is no Kubernetes protobuf envelope; accepted media types include: application/json, application/yaml")
    try:
        envelope = {number: value for number, value in _wire(body[len(MAGIC) :]) if isinstance(value, bytes)}
        kind = {number: value.decode() for number, value in _wire(envelope.get(1, b"")) if isinstance(value, bytes)}
        if kind.get(2) not in MESSAGES:
            raise unsupported(f"{kind.get(2)} is not read as protobuf here: send it as YAML or JSON, with `kubectl apply -f`")
        return {"apiVersion": kind.get(1, ""), "kind": kind[2], **_message(envelope.get(2, b""), MESSAGES[kind[2]], kind[2])}
    except (IndexError, ValueError) as cut:
        raise unsupported("the protobuf body is damaged") from cut


def _message(data: bytes, fields: Mapping[int, Field], path: str) -> Object:
    made: Object = {}
    for number, value in _wire(data):
        known = fields.get(number)
        if known is None and not any(_content(value)):
            continue
        if known is None or (known is EMPTY and any(_content(value))):
            raise unsupported(f"field {number} of {path} is not read as protobuf here: send it as YAML or JSON, with `kubectl apply -f`")
        if known is EMPTY:
            continue
        if known.sort.endswith("map") and isinstance(value, bytes):
            made.setdefault(known.name, {}).update([_entry(value, known.sort)])
            continue
        read = _value(value, known, path)
        if known.many:
            made.setdefault(known.name, []).append(read)
        elif read != "":
            made[known.name] = read
    return made


def _content(value: bytes | int) -> Iterator[bool]:
    """Whether anything is set in it: messages of zeros and empty messages are how Go writes what is absent."""
    if isinstance(value, int):
        yield value != 0
        return
    try:
        for _, inner in _wire(value):
            yield from _content(inner)
    except (IndexError, ValueError):  # no message: a text
        yield bool(value)


def _value(value: bytes | int, known: Field, path: str) -> Any:
    if isinstance(value, int):
        return bool(value) if known.sort == "flag" else value
    if known.sort == "message":
        return _message(value, known.message, f"{path}.{known.name}")
    return base64.b64encode(value).decode() if known.sort == "bytes" else value.decode()


def _entry(data: bytes, sort: str) -> tuple[str, str]:
    pair = {number: value for number, value in _wire(data) if isinstance(value, bytes)}
    key, value = pair.get(1, b"").decode(), pair.get(2, b"")
    if sort == "bytes map":
        return key, base64.b64encode(value).decode()
    if sort == "quantity map":
        value = next((inner for _, inner in _wire(value) if isinstance(inner, bytes)), b"")
    return key, value.decode()


def _wire(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Protobuf's wire format: (field number, bytes or integer)."""
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        number, sort = tag >> 3, tag & 7
        if sort == 0:
            value, place = _varint(data, place)
            yield number, value
        elif sort == 2:
            size, place = _varint(data, place)
            if place + size > len(data):
                raise ValueError("cut short")
            yield number, data[place : place + size]
            place += size
        else:
            raise ValueError(f"wire type {sort}")


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
        if shift > 63:
            raise ValueError("a number too long")
