"""What the webhooks of Knative Eventing and of its RabbitMQ broker refuse (eventing, pkg/apis; pkg, apis/duck/v1)."""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn
from urllib.parse import urlsplit

from functions.wire.cron import InvalidSchedule, Schedule, zone_of
from knative.local import iso_durations
from knative.local.api.status import Cause
from knative.local.eventing import naming
from knative.local.eventing.delivery import MIN_DELAY_SECONDS
from knative.local.objects import Object

ATTRIBUTE_NAME = re.compile(r"[a-z][a-z0-9]*")
EXTENSION_NAME = re.compile(r"[A-Za-z0-9]+")
GROUP_VERSION = re.compile(r"[^/]+(/[^/]+)?")
JSON = "application/json"
DEPENDENCY, INJECTION = "knative.dev/dependency", "eventing.knative.dev/injection"


def delivery(object: Object) -> Iterator[Cause]:
    spec = object["spec"].get("delivery") or {}
    for field in ("backoffDelay", "timeout"):
        if field in spec and _duration_seconds(spec[field]) <= 0:
            yield Cause(f"spec.delivery.{field}", f'Invalid value: "{spec[field]}": expected a positive ISO 8601 duration')
    if "backoffDelay" in spec and 0 < _duration_seconds(spec["backoffDelay"]) < MIN_DELAY_SECONDS:
        yield Cause("spec.delivery.backoffDelay", f'Invalid value: "{spec["backoffDelay"]}": below PT0.1S the RabbitMQ dispatcher panics and loops')
    if "deadLetterSink" in spec:
        yield from _destination(spec["deadLetterSink"], "spec.delivery.deadLetterSink")


def subscriber(object: Object) -> Iterator[Cause]:
    yield from _destination(object["spec"]["subscriber"], "spec.subscriber")
    for name in (object["spec"].get("filter") or {}).get("attributes") or {}:
        if not ATTRIBUTE_NAME.fullmatch(name):
            yield Cause("spec.filter.attributes", f'Invalid attribute name: "{name}": must start with a letter, and be lowercase alphanumeric')


def trigger_annotations(object: Object) -> Iterator[Cause]:
    annotations = object["metadata"].get("annotations") or {}
    if (text := annotations.get(DEPENDENCY)) is not None:
        yield from _dependency(text, f"metadata.annotations[{DEPENDENCY}]", object["metadata"].get("namespace", ""))
    injection, place = annotations.get(INJECTION), f"metadata.annotations[{INJECTION}]"
    if injection is not None and injection not in ("enabled", "disabled"):
        yield Cause(place, f'Invalid value: "{injection}": the value can only be "enabled" or "disabled"')
    elif injection is not None and object["spec"]["broker"] != "default":
        yield Cause(place, "Invalid value: the annotation is only used for the default broker")


def _dependency(text: str, place: str, namespace: str) -> Iterator[Cause]:
    reference = _parse_json(text)
    if not isinstance(reference, dict) or not all(isinstance(value, str) for value in reference.values()):
        yield Cause(place, f"Invalid value: the annotation is not an object reference: {text[:80]!r}")
        return
    if reference.get("namespace") not in (None, "", namespace):
        yield Cause(f"{place}.namespace", f'Invalid value: must be empty or the namespace of the Trigger, "{namespace}"')
    for field in ("kind", "name", "apiVersion"):
        if not reference.get(field):
            yield Cause(f"{place}.{field}", "Required value", "FieldValueRequired")


def broker_class(object: Object) -> Iterator[Cause]:
    value = (object["metadata"].get("annotations") or {}).get(naming.BROKER_CLASS)
    if value != naming.RABBITMQ_BROKER_CLASS:
        yield Cause(f"metadata.annotations[{naming.BROKER_CLASS}]", f"Invalid value: {value}: only {naming.RABBITMQ_BROKER_CLASS} is supported")


def parallelism(object: Object) -> Iterator[Cause]:
    value = (object["metadata"].get("annotations") or {}).get(naming.PARALLELISM)
    if value is not None and not (re.fullmatch(r"[0-9]{1,9}", value) and 1 <= int(value) <= naming.MAX_PARALLELISM):
        yield Cause(f"metadata.annotations[{naming.PARALLELISM}]", f'Invalid value: "{value}": expected 1 to {naming.MAX_PARALLELISM}')


def ping(object: Object) -> Iterator[Cause]:
    spec = object["spec"]
    yield from _destination(spec["sink"], "spec.sink")
    yield from _data(spec)
    zone = spec.get("timezone")
    if zone:
        try:
            zone_of(zone)
        except InvalidSchedule:
            yield Cause("spec.timezone", f'Invalid value: "{zone}": unknown time zone')
            return
    try:
        Schedule.parse(spec["schedule"], zone or "")
    except InvalidSchedule as error:
        yield Cause("spec.schedule", f'Invalid value: "{spec["schedule"]}": {error}')


def _data(spec: Object) -> Iterator[Cause]:
    """Eventing decodes JSON data into a map (pkg/apis/sources/v1/ping_validation.go)."""
    data, encoded = spec.get("data"), spec.get("dataBase64")
    if data and encoded:
        yield Cause("spec.data", "expected exactly one, got both: spec.data, spec.dataBase64")
        return
    field = "dataBase64" if encoded else "data"
    if encoded:
        try:
            data = base64.b64decode(encoded, validate=True).decode("utf-8", "replace")
        except (binascii.Error, ValueError) as error:
            yield Cause("spec.dataBase64", f"Invalid value: {error}")
            return
    if (data or encoded) and spec.get("contentType") == JSON and not isinstance(_parse_json(data or ""), (dict, type(None))):
        yield Cause(f"spec.{field}", "invalid json: expected an object")


def sink(object: Object) -> Iterator[Cause]:
    yield from _destination(object["spec"]["sink"], "spec.sink")


def resources(object: Object) -> Iterator[Cause]:
    """The kinds that an ApiServerSource watches."""
    spec = object["spec"]
    named = [(f"spec.resources[{index}]", each) for index, each in enumerate(spec["resources"])]
    for place, each in [*named, *([("spec.owner", spec["owner"])] if "owner" in spec else [])]:
        if (version := each.get("apiVersion", "")) and not GROUP_VERSION.fullmatch(version):
            yield Cause(f"{place}.apiVersion", f'Invalid value: "{version}": expected VERSION or GROUP/VERSION')
        if not each.get("kind", "").strip():
            yield Cause(f"{place}.kind", "Required value", "FieldValueRequired")


def overrides(object: Object) -> Iterator[Cause]:
    for name in (object["spec"].get("ceOverrides") or {}).get("extensions") or {}:
        if not EXTENSION_NAME.fullmatch(name):
            yield Cause("spec.ceOverrides.extensions", f'Invalid key name: "{name}": keys are expected to be alphanumeric')


def _destination(destination: Object, path: str) -> Iterator[Cause]:
    """A reference, with or without a path below its address, or else an absolute address (ValidateDestination)."""
    reference, uri = destination.get("ref"), destination.get("uri")
    if reference is None and uri is None:
        yield Cause(path, "expected at least one, got none: ref, uri", "FieldValueRequired")
        return
    try:
        parts = urlsplit(uri or "")
    except ValueError as error:
        yield Cause(f"{path}.uri", f'Invalid value: "{uri}": {error}')
        return
    if reference is None:
        if not parts.scheme or not parts.netloc:
            yield Cause(f"{path}.uri", "Relative URI is not allowed when Ref and [apiVersion, kind, name] is absent")
    elif uri is not None and parts.scheme:
        yield Cause(path, "Absolute URI is not allowed when Ref or [apiVersion, kind, name] is present")
    elif uri is None:
        for field in ("apiVersion", "kind", "name"):
            if not reference.get(field):
                yield Cause(f"{path}.ref.{field}", "Required value", "FieldValueRequired")


def _parse_json(text: str) -> Any:
    """Return the value of a JSON text as Go reads it; NotImplemented if it is none."""
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        return NotImplemented


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is too large")
    return number


def _duration_seconds(text: str) -> float:
    """0 for a text that is not an ISO 8601 duration."""
    try:
        return iso_durations.seconds(text)
    except ValueError:
        return 0.0
