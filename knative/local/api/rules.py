"""What Kubernetes and Knative refuse beyond a schema: names, labels, and the annotations and values that would fail later and more obscurely.

Each rule is a function of an object that yields Causes; RULES says which kinds they are for.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from knative.local.api import policy_validation
from knative.local.api.status import Cause
from knative.local.objects import Object, kind_of

SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
LABEL = re.compile(r"^[a-z]([-a-z0-9]*[a-z0-9])?$")
LOOSE = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
QUALIFIED = re.compile(r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$")
VALUE = re.compile(r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$")
ISO8601 = re.compile(r"^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$")
GO_DURATION = re.compile(r"^(\d+(\.\d+)?(h|m|s|ms|us|ns))+$")

AUTOSCALING = "autoscaling.knative.dev/"
SHORTEST_BACKOFF = timedelta(seconds=0.1)


def causes(object: Object) -> Iterator[Cause]:
    kind = kind_of(object)
    yield from metadata(object, LABEL if kind in DNS_LABEL_NAMES else LOOSE if kind == "Namespace" else None)
    for rule in RULES.get(kind, ()):
        yield from rule(object)


def metadata(object: Object, names: re.Pattern[str] | None) -> Iterator[Cause]:
    found = object["metadata"]
    name = found["name"]
    rbac = object["apiVersion"].startswith("rbac.")
    if names is not None and (not names.match(name) or len(name) > 63):
        yield Cause("metadata.name", f'Invalid value: "{name}": must be a DNS label (lower case letters, digits, "-"; 63 at most)')
    elif not rbac and (not SUBDOMAIN.match(name) or len(name) > 253):
        yield Cause("metadata.name", f'Invalid value: "{name}": must be a lowercase RFC 1123 subdomain')
    for key, value in (found.get("labels") or {}).items():
        if not QUALIFIED.match(key) or not VALUE.match(value):
            yield Cause("metadata.labels", f'Invalid value: "{key}={value}": not a label')
    for key in found.get("annotations") or {}:
        if not QUALIFIED.match(key):
            yield Cause("metadata.annotations", f'Invalid value: "{key}": not a qualified name')


def data_keys(object: Object) -> Iterator[Cause]:
    for field in ("data", "binaryData", "stringData"):
        for key in object.get(field) or {}:
            if not re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", key):
                yield Cause(f"{field}[{key}]", "Invalid value: a key is made of letters, digits, '-', '_' and '.'")


def autoscaling(object: Object) -> Iterator[Cause]:
    """The template's annotations; Knative's webhook refuses them on the Service itself."""
    spec = object.get("spec", {})
    for key in object["metadata"].get("annotations") or {}:
        if key.startswith(AUTOSCALING):
            yield Cause(f"metadata.annotations.{key}", "autoscaling annotations must be put under spec.template.metadata.annotations to work")
    template = spec.get("template", {}).get("metadata", {})
    found, path = template.get("annotations") or {}, "spec.template.metadata.annotations"
    numbers: dict[str, float] = {}
    for key, value in found.items():
        if not key.startswith(AUTOSCALING):
            continue
        word = key.removeprefix(AUTOSCALING)
        if word in WHOLE_NUMBERS or word in NUMBERS:
            number = _number(value, word in WHOLE_NUMBERS)
            low, high = (WHOLE_NUMBERS | NUMBERS)[word]
            if number is None or not low <= number <= high:
                yield Cause(f"{path}.{key}", f"Invalid value: {value}: expected a number from {low:g} to {high:g}")
            else:
                numbers[word] = number
        elif word in DURATIONS:
            if not GO_DURATION.match(value):
                yield Cause(f"{path}.{key}", f'Invalid value: "{value}": expected a duration such as 30s')
        elif word in CHOICES:
            if value not in CHOICES[word]:
                yield Cause(f"{path}.{key}", f'Invalid value: "{value}": supported here: {", ".join(CHOICES[word])}')
        else:
            yield Cause(f"{path}.{key}", "Invalid key name: not an autoscaling annotation that is known here")
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
        if row.get("tag") and (not LABEL.match(row["tag"]) or tags.count(row["tag"]) > 1):
            yield Cause(f"spec.traffic[{index}].tag", f'Invalid value: "{row["tag"]}": a DNS label, each once')
        if row.get("url"):
            yield Cause(f"spec.traffic[{index}].url", "must not set the field(s)")


def delivery(object: Object) -> Iterator[Cause]:
    found = object["spec"].get("delivery") or {}
    for field in ("backoffDelay", "timeout"):
        if field in found and (_seconds(found[field]) or timedelta(0)) <= timedelta(0):
            yield Cause(f"spec.delivery.{field}", f'Invalid value: "{found[field]}": expected a positive ISO 8601 duration')
    delay = _seconds(found.get("backoffDelay", "PT1S"))
    if delay is not None and timedelta(0) < delay < SHORTEST_BACKOFF:
        yield Cause("spec.delivery.backoffDelay", f'Invalid value: "{found["backoffDelay"]}": below PT0.1S the RabbitMQ dispatcher panics and loops')
    yield from _destination(found.get("deadLetterSink"), "spec.delivery.deadLetterSink")


def subscriber(object: Object) -> Iterator[Cause]:
    yield from _destination(object["spec"]["subscriber"], "spec.subscriber")
    for name in (object["spec"].get("filter") or {}).get("attributes") or {}:
        if not re.fullmatch(r"[a-z0-9]+", name):
            yield Cause("spec.filter.attributes", f'Invalid attribute name: "{name}"')


def broker_class(object: Object) -> Iterator[Cause]:
    found = (object["metadata"].get("annotations") or {}).get("eventing.knative.dev/broker.class")
    if found != "RabbitMQBroker":
        yield Cause("metadata.annotations[eventing.knative.dev/broker.class]", f"Invalid value: {found}: only RabbitMQBroker is served here")


def parallelism(object: Object) -> Iterator[Cause]:
    key = "rabbitmq.eventing.knative.dev/parallelism"
    found = (object["metadata"].get("annotations") or {}).get(key)
    if found is not None and not 1 <= (_number(found, True) or 0) <= 1000:
        yield Cause(f"metadata.annotations[{key}]", f'Invalid value: "{found}": expected 1 to 1000')


def ping(object: Object) -> Iterator[Cause]:
    spec = object["spec"]
    yield from _destination(spec["sink"], "spec.sink")
    if spec.get("data") and spec.get("dataBase64"):
        yield Cause("spec.data", "expected exactly one, got both: spec.data, spec.dataBase64")
    if zone := spec.get("timezone"):
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield Cause("spec.timezone", f'Invalid value: "{zone}": unknown time zone')
    if not re.fullmatch(r"@(yearly|annually|monthly|weekly|daily|midnight|hourly)|@every \S+|\S+( \S+){4}", " ".join(spec["schedule"].split())):
        yield Cause("spec.schedule", f'Invalid value: "{spec["schedule"]}": expected five cron fields')


def sink(object: Object) -> Iterator[Cause]:
    yield from _destination(object["spec"]["sink"], "spec.sink")


def pod_names(object: Object) -> Iterator[Cause]:
    """Every mount names a volume of the pod."""
    spec, path = _pod_spec(object)
    volumes = {volume["name"] for volume in spec.get("volumes") or ()}
    for index, container in enumerate(spec["containers"]):
        for place, mount in enumerate(container.get("volumeMounts") or ()):
            if mount["name"] not in volumes:
                yield Cause(f"{path}.containers[{index}].volumeMounts[{place}].name", f'Not found: "{mount["name"]}"', "FieldValueNotFound")


def restart_policy(object: Object) -> Iterator[Cause]:
    found = object["spec"]["template"]["spec"].get("restartPolicy")
    if found not in ("Never", "OnFailure"):
        yield Cause("spec.template.spec.restartPolicy", f'Required value: valid values: "OnFailure", "Never" (found {found})', "FieldValueRequired")


RULES: Mapping[str, Iterable[Callable[[Object], Iterator[Cause]]]] = {
    "Secret": [data_keys],
    "ConfigMap": [data_keys],
    "Job.batch": [restart_policy, pod_names],
    "Service.serving.knative.dev": [autoscaling, traffic, pod_names],
    "Configuration.serving.knative.dev": [autoscaling, pod_names],
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


def _destination(found: Object | None, path: str) -> Iterator[Cause]:
    if found is not None and not found.get("ref") and not found.get("uri"):
        yield Cause(path, "expected at least one, got none: ref, uri", "FieldValueRequired")


def _number(text: str, whole: bool) -> float | None:
    return float(text) if re.fullmatch(r"-?\d+" if whole else r"-?\d+(\.\d+)?", text) else None


def _seconds(text: str) -> timedelta | None:
    match = ISO8601.match(text)
    if match is None:
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
