"""What Knative Serving's webhooks refuse in annotations, traffic and names (serving, pkg/apis/{serving,autoscaling}). Pods: `pod_rules`."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from knative.local.api.names import DNS_1035_LABEL, QUALIFIED_NAME, is_label
from knative.local.api.status import Cause
from knative.local.objects import Object
from knative.local.serving.autoscaler import FORMER_NAMES, PREFIX, parse_duration

WHOLE_NUMBERS: dict[str, tuple[float, float]] = {
    "min-scale": (0, 1000), "max-scale": (0, 1000), "initial-scale": (0, 1000), "activation-scale": (2, 1000),
}  # fmt: skip
NUMBERS: dict[str, tuple[float, float]] = {
    "target": (0.01, 1e6), "target-utilization-percentage": (1, 100), "target-burst-capacity": (-1, 1e6),
    "panic-window-percentage": (1, 100), "panic-threshold-percentage": (110, 1000),
}  # fmt: skip
MAX_WINDOW_SECONDS = 3600.0
DURATIONS: dict[str, tuple[float, float]] = {
    "window": (6, MAX_WINDOW_SECONDS), "scale-to-zero-pod-retention-period": (0, MAX_WINDOW_SECONDS), "scale-down-delay": (0, MAX_WINDOW_SECONDS),
}  # fmt: skip
"""In seconds, both ends included."""
IN_WHOLE_SECONDS = frozenset({"window", "scale-down-delay"})
KPA, HPA = "kpa.autoscaling.knative.dev", "hpa.autoscaling.knative.dev"
METRICS = {KPA: ("concurrency", "rps"), HPA: ("cpu", "memory")}
"""By class. Knative's webhook leaves metrics of the class hpa open, for adapters of custom metrics that one machine has not."""
CHOICES = {"class": (KPA, HPA), "metric": ("concurrency", "rps", "cpu", "memory")}
SERVING = "serving.knative.dev/"
ROLLOUT_DURATION, PROGRESS_DEADLINE = SERVING + "rollout-duration", SERVING + "progress-deadline"
NETWORKING = "networking.knative.dev"
NETWORKING_ANNOTATIONS = frozenset(
    f"{NETWORKING}/{name}"
    for name in (
        *("ingress-class", "certificate-class", "disable-auto-tls", "disable-external-domain-tls", "http-option", "http-protocol"),
        *("ingress.class", "certificate.class", "disableAutoTLS"),
    )
)
TEMPLATE = "spec.template.metadata"


def autoscaling(object: Object) -> Iterator[Cause]:
    """Autoscaling annotations belong to the template; Knative's webhook refuses them on the Service."""
    for key in object["metadata"].get("annotations") or {}:
        if key.startswith(PREFIX):
            yield Cause(f"metadata.annotations.{key}", "autoscaling annotations must be put under spec.template.metadata.annotations to work")
    template = object.get("spec", {}).get("template", {}).get("metadata", {})
    numbers: dict[str, float] = {}
    annotations = template.get("annotations") or {}
    for key, value in annotations.items():
        if key.startswith(PREFIX):
            written = key.removeprefix(PREFIX)
            setting = FORMER_NAMES.get(written, written)
            yield from _autoscaling_setting(f"{TEMPLATE}.annotations.{key}", setting, value)
            is_counted = written == setting or PREFIX + setting not in annotations  # as the autoscaler: the newer spelling wins
            if is_counted and setting in WHOLE_NUMBERS and (number := _number(value, is_whole=True)) is not None:
                numbers[setting] = number
        elif key.startswith(NETWORKING) and key not in NETWORKING_ANNOTATIONS:
            yield Cause(f"{TEMPLATE}.annotations.{key}", "Invalid key name: not an annotation of networking.knative.dev")
    yield from _scale_order(numbers)
    yield from _metric_of_class(annotations)
    yield from _revision_name(template, object["metadata"]["name"])


def _autoscaling_setting(place: str, setting: str, value: str) -> Iterator[Cause]:
    if setting in WHOLE_NUMBERS or setting in NUMBERS:
        number = _number(value, is_whole=setting in WHOLE_NUMBERS)
        low, high = (WHOLE_NUMBERS | NUMBERS)[setting]
        if number is None or not low <= number <= high or (setting == "target-burst-capacity" and -1 < number < 0):
            yield Cause(place, f"Invalid value: {value}: expected a number from {low:g} to {high:g}")
    elif setting in DURATIONS:
        low, high = DURATIONS[setting]
        seconds = _go_seconds(value)
        if seconds is None:
            yield Cause(place, f'Invalid value: "{value}": expected a duration such as 30s')
        elif not low <= seconds <= high:
            yield Cause(place, f'Invalid value: "{value}": expected a duration from {low:g}s to {high:g}s')
        elif setting in IN_WHOLE_SECONDS and seconds != int(seconds):
            yield Cause(place, "must be specified with at most second precision")
    elif setting in CHOICES:
        if value not in CHOICES[setting]:
            yield Cause(place, f'Invalid value: "{value}": supported here: {", ".join(CHOICES[setting])}')
    else:
        yield Cause(place, "Invalid key name: not a supported autoscaling annotation")


def _scale_order(numbers: Mapping[str, float]) -> Iterator[Cause]:
    low, high, activation = numbers.get("min-scale", 0), numbers.get("max-scale", 0), numbers.get("activation-scale")
    if high and low > high:
        yield Cause(f"{TEMPLATE}.annotations", f"max-scale={high:g} is less than min-scale={low:g}")
    if activation is not None and low > activation:
        yield Cause(f"{TEMPLATE}.annotations", f"min-scale={low:g} is greater than activation-scale={activation:g}")
    elif activation is not None and high and high < activation:
        yield Cause(f"{TEMPLATE}.annotations", f"max-scale={high:g} is less than activation-scale={activation:g}")


def _metric_of_class(annotations: Mapping[str, str]) -> Iterator[Cause]:
    """Source: serving, pkg/apis/autoscaling/annotation_validation.go, validateMetric."""
    kind, metric = annotations.get(PREFIX + "class", KPA), annotations.get(PREFIX + "metric")
    if kind in METRICS and metric is not None and metric not in METRICS[kind]:
        yield Cause(f"{TEMPLATE}.annotations.{PREFIX}metric", f'Invalid value: "{metric}": supported for class {kind}: {", ".join(METRICS[kind])}')
    if kind == HPA and metric is None:
        yield Cause(f"{TEMPLATE}.annotations.{PREFIX}metric", "missing field: the class hpa needs a metric on one machine")
    if kind == HPA and PREFIX + "target" not in annotations:
        yield Cause(f"{TEMPLATE}.annotations.{PREFIX}target", "missing field: the class hpa needs a target on one machine")


def _revision_name(template: Object, parent: str) -> Iterator[Cause]:
    name = template.get("name", "")
    if not name:
        return
    if not name.startswith(f"{parent}-"):
        yield Cause(f"{TEMPLATE}.name", f'Invalid value: "{name}": must have prefix "{parent}-"')
    elif not is_label(name, DNS_1035_LABEL):
        yield Cause(f"{TEMPLATE}.name", f'Invalid value: "{name}": must be a DNS label (lower case letters, digits, "-"; 63 at most)')


def durations(object: Object) -> Iterator[Cause]:
    """Annotations of serving.knative.dev that are durations in whole seconds."""
    own = object["metadata"].get("annotations") or {}
    of_template = object.get("spec", {}).get("template", {}).get("metadata", {}).get("annotations") or {}
    for annotations, key, path in ((own, ROLLOUT_DURATION, "metadata"), (of_template, PROGRESS_DEADLINE, TEMPLATE)):
        if not (value := annotations.get(key)):
            continue
        seconds = _go_seconds(value.removeprefix("-"))
        if seconds is None:
            yield Cause(f"{path}.annotations.{key}", f'Invalid value: "{value}": expected a duration such as 30s')
        elif seconds != int(seconds):
            yield Cause(f"{path}.annotations.{key}", f"{key.removeprefix(SERVING)}={value} is not at second precision")
        elif value.startswith("-") and seconds:
            yield Cause(f"{path}.annotations.{key}", f"{key.removeprefix(SERVING)}={value} must be positive")


def service_traffic(object: Object) -> Iterator[Cause]:
    """The traffic of a Service goes to revisions of its own configuration; without targets, to the latest one."""
    rows = object["spec"].get("traffic")
    if not rows:
        return
    yield from _traffic(rows)
    for index, row in enumerate(rows):
        if row.get("configurationName"):
            yield Cause(f"spec.traffic[{index}].configurationName", "must not set the field(s)")


def route_traffic(object: Object) -> Iterator[Cause]:
    rows = object["spec"].get("traffic") or []
    yield from _traffic(rows)
    for index, row in enumerate(rows):
        names = [name for name in ("revisionName", "configurationName") if row.get(name)]
        if len(names) != 1:
            found = ", ".join(names) or "none"
            yield Cause(f"spec.traffic[{index}]", f"expected exactly one of revisionName, configurationName; got {found}")
        elif names == ["configurationName"] and not QUALIFIED_NAME.fullmatch(row["configurationName"]):
            yield Cause(f"spec.traffic[{index}].configurationName", f'Invalid value: "{row["configurationName"]}": not a qualified name')


def _traffic(rows: list[dict[str, Any]]) -> Iterator[Cause]:
    total = sum(row.get("percent", 0) for row in rows)
    if total != 100:
        yield Cause("spec.traffic", f"Traffic targets sum to {total}, want 100")
    tags = [row["tag"] for row in rows if row.get("tag")]
    for index, row in enumerate(rows):
        place, is_pinned = f"spec.traffic[{index}]", bool(row.get("revisionName"))
        if "latestRevision" in row and row["latestRevision"] is is_pinned:
            named = row.get("revisionName", "")
            yield Cause(f"{place}.latestRevision", f'may not set revisionName "{named}" when latestRevision is {str(is_pinned).lower()}')
        if is_pinned and not QUALIFIED_NAME.fullmatch(row["revisionName"]):
            yield Cause(f"{place}.revisionName", f'Invalid value: "{row["revisionName"]}": not a qualified name')
        if row.get("tag") and (not is_label(row["tag"], DNS_1035_LABEL) or tags.count(row["tag"]) > 1):
            yield Cause(f"{place}.tag", f'Invalid value: "{row["tag"]}": must be a unique DNS label')
        if row.get("url"):
            yield Cause(f"{place}.url", "must not set the field(s)")


def revision_name_change(new: Object, old: Object) -> Iterator[Cause]:
    """A template with a name of its own makes one revision, which never changes (VerifyNameChange)."""
    now, before = (each.get("spec", {}).get("template", {}) for each in (new, old))
    name = now.get("metadata", {}).get("name")
    if name and name == before.get("metadata", {}).get("name") and now != before:
        yield Cause(f"{TEMPLATE}.name", f'Saw changes of the template without a change of its name "{name}"')


def _number(text: str, *, is_whole: bool) -> float | None:
    """As Go's ParseInt and ParseFloat do, without the forms that no manifest has (hexadecimal, underscores, infinity)."""
    pattern = r"[-+]?[0-9]+" if is_whole else r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?"
    return float(text) if re.fullmatch(pattern, text) else None


def _go_seconds(text: str) -> float | None:
    """None for a text that is not a Go duration."""
    try:
        return parse_duration(text) if text else None
    except ValueError:
        return None
