"""Validation beyond schemas, as Kubernetes' API server and Knative's webhooks do: names, labels, annotations, and relations between fields.

Each rule is a function that yields the Causes of an object. RULES lists the rules of each kind.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from knative.local import iso_durations
from knative.local.api import policy_validation
from knative.local.api.pod_rules import serving_pod
from knative.local.api.status import Cause
from knative.local.eventing import naming
from knative.local.eventing.cron import InvalidSchedule, Schedule
from knative.local.eventing.delivery import MIN_DELAY_SECONDS
from knative.local.objects import Object, kind_of

SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
DNS_1035_LABEL = re.compile(r"^[a-z]([-a-z0-9]*[a-z0-9])?$")
DNS_1123_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
QUALIFIED_NAME = re.compile(r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$")
LABEL_VALUE = re.compile(r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$")
GO_DURATION = re.compile(r"^(\d+(\.\d+)?(h|m|s|ms|us|ns))+$")

AUTOSCALING = "autoscaling.knative.dev/"


def causes(object: Object) -> Iterator[Cause]:
    """Yield everything that is wrong with an object whose schema is valid."""
    kind = kind_of(object)
    yield from metadata(object, DNS_1035_LABEL if kind in DNS_LABEL_NAMES else DNS_1123_LABEL if kind == "Namespace" else None)
    for rule in RULES.get(kind, ()):
        yield from rule(object)


def metadata(object: Object, label: re.Pattern[str] | None) -> Iterator[Cause]:
    """`label`: the pattern of names that must be DNS labels; None: names are subdomains, those of RBAC objects anything."""
    values = object["metadata"]
    name = values["name"]
    is_rbac = object["apiVersion"].startswith("rbac.")
    if label is not None and (not label.match(name) or len(name) > 63):
        yield Cause("metadata.name", f'Invalid value: "{name}": must be a DNS label (lower case letters, digits, "-"; 63 at most)')
    elif not is_rbac and (not SUBDOMAIN.match(name) or len(name) > 253):
        yield Cause("metadata.name", f'Invalid value: "{name}": must be a lowercase RFC 1123 subdomain')
    for key, value in (values.get("labels") or {}).items():
        if not QUALIFIED_NAME.match(key) or not LABEL_VALUE.match(value):
            yield Cause("metadata.labels", f'Invalid value: "{key}={value}": not a label')
    for key in values.get("annotations") or {}:
        if not QUALIFIED_NAME.match(key):
            yield Cause("metadata.annotations", f'Invalid value: "{key}": not a qualified name')


def data_keys(object: Object) -> Iterator[Cause]:
    for field in ("data", "binaryData", "stringData"):
        for key in object.get(field) or {}:
            if not re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", key):
                yield Cause(f"{field}[{key}]", "Invalid value: keys consist of letters, digits, '-', '_' and '.'")


def autoscaling(object: Object) -> Iterator[Cause]:
    """Autoscaling annotations belong to the template; Knative's webhook refuses them on the Service."""
    spec = object.get("spec", {})
    for key in object["metadata"].get("annotations") or {}:
        if key.startswith(AUTOSCALING):
            yield Cause(f"metadata.annotations.{key}", "autoscaling annotations must be put under spec.template.metadata.annotations to work")
    template = spec.get("template", {}).get("metadata", {})
    path = "spec.template.metadata.annotations"
    numbers: dict[str, float] = {}
    for key, value in (template.get("annotations") or {}).items():
        if not key.startswith(AUTOSCALING):
            continue
        setting = key.removeprefix(AUTOSCALING)
        if setting in WHOLE_NUMBERS or setting in NUMBERS:
            number = _number(value, setting in WHOLE_NUMBERS)
            low, high = (WHOLE_NUMBERS | NUMBERS)[setting]
            if number is None or not low <= number <= high:
                yield Cause(f"{path}.{key}", f"Invalid value: {value}: expected a number from {low:g} to {high:g}")
            else:
                numbers[setting] = number
        elif setting in DURATIONS:
            if not GO_DURATION.match(value):
                yield Cause(f"{path}.{key}", f'Invalid value: "{value}": expected a duration such as 30s')
        elif setting in CHOICES:
            if value not in CHOICES[setting]:
                yield Cause(f"{path}.{key}", f'Invalid value: "{value}": supported here: {", ".join(CHOICES[setting])}')
        else:
            yield Cause(f"{path}.{key}", "Invalid key name: not a supported autoscaling annotation")
    if numbers.get("max-scale") and numbers.get("min-scale", 0) > numbers["max-scale"]:
        yield Cause(path, f"max-scale={numbers['max-scale']:g} is less than min-scale={numbers['min-scale']:g}")
    name = template.get("name", "")
    if name and not name.startswith(object["metadata"]["name"] + "-"):
        yield Cause("spec.template.metadata.name", f'Invalid value: "{name}": must have prefix "{object["metadata"]["name"]}-"')


WHOLE_NUMBERS: dict[str, tuple[float, float]] = {
    "min-scale": (0, 1000), "max-scale": (0, 1000), "initial-scale": (0, 1000), "activation-scale": (1, 1000),
}  # fmt: skip
NUMBERS: dict[str, tuple[float, float]] = {
    "target": (0.01, 1e6), "target-utilization-percentage": (1, 100), "target-burst-capacity": (-1, 1e6),
    "panic-window-percentage": (1, 100), "panic-threshold-percentage": (110, 1000),
}  # fmt: skip
DURATIONS = {"window", "scale-to-zero-pod-retention-period", "scale-down-delay"}
CHOICES = {"class": ("kpa.autoscaling.knative.dev",), "metric": ("concurrency", "rps")}


def traffic(object: Object) -> Iterator[Cause]:
    rows = object["spec"].get("traffic")
    if not rows:
        return
    total = sum(row.get("percent", 0) for row in rows)
    if total != 100:
        yield Cause("spec.traffic", f"Traffic targets sum to {total}, want 100")
    tags = [row["tag"] for row in rows if row.get("tag")]
    for index, row in enumerate(rows):
        if row.get("revisionName") and row.get("latestRevision"):
            yield Cause(f"spec.traffic[{index}].latestRevision", "may not set revisionName and latestRevision together")
        if row.get("tag") and (not DNS_1035_LABEL.match(row["tag"]) or tags.count(row["tag"]) > 1):
            yield Cause(f"spec.traffic[{index}].tag", f'Invalid value: "{row["tag"]}": must be a unique DNS label')
        if row.get("url"):
            yield Cause(f"spec.traffic[{index}].url", "must not set the field(s)")


def delivery(object: Object) -> Iterator[Cause]:
    spec = object["spec"].get("delivery") or {}
    for field in ("backoffDelay", "timeout"):
        if field in spec and _duration_seconds(spec[field]) <= 0:
            yield Cause(f"spec.delivery.{field}", f'Invalid value: "{spec[field]}": expected a positive ISO 8601 duration')
    if "backoffDelay" in spec and 0 < _duration_seconds(spec["backoffDelay"]) < MIN_DELAY_SECONDS:
        yield Cause("spec.delivery.backoffDelay", f'Invalid value: "{spec["backoffDelay"]}": below PT0.1S the RabbitMQ dispatcher panics and loops')
    yield from _destination(spec.get("deadLetterSink"), "spec.delivery.deadLetterSink")


def subscriber(object: Object) -> Iterator[Cause]:
    yield from _destination(object["spec"]["subscriber"], "spec.subscriber")
    for name in (object["spec"].get("filter") or {}).get("attributes") or {}:
        if not re.fullmatch(r"[a-z0-9]+", name):
            yield Cause("spec.filter.attributes", f'Invalid attribute name: "{name}"')


def broker_class(object: Object) -> Iterator[Cause]:
    value = (object["metadata"].get("annotations") or {}).get(naming.BROKER_CLASS)
    if value != naming.RABBITMQ_BROKER_CLASS:
        yield Cause(f"metadata.annotations[{naming.BROKER_CLASS}]", f"Invalid value: {value}: only {naming.RABBITMQ_BROKER_CLASS} is supported")


def parallelism(object: Object) -> Iterator[Cause]:
    value = (object["metadata"].get("annotations") or {}).get(naming.PARALLELISM)
    if value is not None and not 1 <= (_number(value, True) or 0) <= naming.MAX_PARALLELISM:
        yield Cause(f"metadata.annotations[{naming.PARALLELISM}]", f'Invalid value: "{value}": expected 1 to {naming.MAX_PARALLELISM}')


def ping(object: Object) -> Iterator[Cause]:
    spec = object["spec"]
    yield from _destination(spec["sink"], "spec.sink")
    if spec.get("data") and spec.get("dataBase64"):
        yield Cause("spec.data", "expected exactly one, got both: spec.data, spec.dataBase64")
    zone = spec.get("timezone")
    if spec.get("data") and spec.get("contentType") == "application/json" and not _is_json_object(spec["data"]):
        yield Cause("spec.data", "invalid json: expected an object")
    if zone:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield Cause("spec.timezone", f'Invalid value: "{zone}": unknown time zone')
            return
    try:
        Schedule.parse(spec["schedule"], zone or "")
    except InvalidSchedule as error:
        yield Cause("spec.schedule", f'Invalid value: "{spec["schedule"]}": {error}')


def sink(object: Object) -> Iterator[Cause]:
    yield from _destination(object["spec"]["sink"], "spec.sink")


def volume_mounts(object: Object) -> Iterator[Cause]:
    """Every volume mount must name a volume of the pod."""
    spec, path = _pod_spec(object)
    volumes = {volume["name"] for volume in spec.get("volumes") or ()}
    for index, container in enumerate(spec["containers"]):
        for mount_index, mount in enumerate(container.get("volumeMounts") or ()):
            if mount["name"] not in volumes:
                yield Cause(f"{path}.containers[{index}].volumeMounts[{mount_index}].name", f'Not found: "{mount["name"]}"', "FieldValueNotFound")


def restart_policy(object: Object) -> Iterator[Cause]:
    value = object["spec"]["template"]["spec"].get("restartPolicy")
    if value not in ("Never", "OnFailure"):
        yield Cause("spec.template.spec.restartPolicy", f'Required value: valid values: "OnFailure", "Never" (found {value})', "FieldValueRequired")


RULES: Mapping[str, Iterable[Callable[[Object], Iterator[Cause]]]] = {
    "Secret": [data_keys],
    "ConfigMap": [data_keys],
    "Job.batch": [restart_policy, volume_mounts],
    "Service.serving.knative.dev": [autoscaling, traffic, volume_mounts, serving_pod],
    "Configuration.serving.knative.dev": [autoscaling, volume_mounts, serving_pod],
    "Route.serving.knative.dev": [traffic],
    "Broker.eventing.knative.dev": [broker_class, delivery],
    "Trigger.eventing.knative.dev": [subscriber, delivery, parallelism],
    "PingSource.sources.knative.dev": [ping],
    "ApiServerSource.sources.knative.dev": [sink],
    "ValidatingAdmissionPolicy.admissionregistration.k8s.io": [policy_validation.policy],
    "ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io": [policy_validation.binding],
}
DNS_LABEL_NAMES = {"Service", "Service.serving.knative.dev", "Configuration.serving.knative.dev", "Route.serving.knative.dev"}


def _pod_spec(object: Object) -> tuple[Object, str]:
    return object["spec"]["template"]["spec"], "spec.template.spec"


def _is_json_object(text: str) -> bool:
    """Eventing decodes the data of a PingSource into a map (eventing, pkg/apis/sources/v1/ping_validation.go)."""
    try:
        return isinstance(orjson.loads(text), (dict, type(None)))
    except ValueError:
        return False


def _destination(destination: Object | None, path: str) -> Iterator[Cause]:
    if destination is not None and not destination.get("ref") and not destination.get("uri"):
        yield Cause(path, "expected at least one, got none: ref, uri", "FieldValueRequired")


def _number(text: str, is_whole: bool) -> float | None:
    return float(text) if re.fullmatch(r"-?\d+" if is_whole else r"-?\d+(\.\d+)?", text) else None


def _duration_seconds(text: str) -> float:
    """0 for a text that is not an ISO 8601 duration."""
    try:
        return iso_durations.seconds(text)
    except ValueError:
        return 0.0
