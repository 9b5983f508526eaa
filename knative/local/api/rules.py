"""Validation beyond schemas, as Kubernetes' API server and Knative's webhooks do: names, labels, annotations, and relations between fields.

Each rule is a function that yields the Causes of an object. RULES lists the rules of each kind.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from functions.wire.cron import InvalidSchedule, Schedule, zone_of
from knative.local import label_selectors
from knative.local.api import autoscaling_rules, claim_rules, eventing_rules, policy_validation, serving_rules
from knative.local.api.names import DNS_1035_LABEL, DNS_1123_LABEL, LABEL_VALUE, QUALIFIED_NAME, SUBDOMAIN
from knative.local.api.pod_rules import serving_pod
from knative.local.api.status import Cause
from knative.local.objects import Object, kind_of

CRON_FIELDS = 5
MAX_CRON_JOB_NAME = 52
"""The Jobs have 11 characters more."""
NO_FEATURES: Mapping[str, str] = {}


def causes(object: Object, features: Mapping[str, str] = NO_FEATURES) -> Iterator[Cause]:
    """Yield everything that is wrong with an object whose schema is valid. `features`: of Knative Serving (config-features)."""
    kind = kind_of(object)
    yield from metadata(object, DNS_1035_LABEL if kind in DNS_LABEL_NAMES else DNS_1123_LABEL if kind == "Namespace" else None)
    for rule in RULES.get(kind, ()):
        yield from rule(object)
    if kind in WITH_SERVING_POD:
        yield from serving_pod(object, features)


def change_causes(new: Object, old: Object) -> Iterator[Cause]:
    """Yield what is wrong with a change, although both objects are valid."""
    for rule in CHANGE_RULES.get(kind_of(new), ()):
        yield from rule(new, old)


def metadata(object: Object, label: re.Pattern[str] | None) -> Iterator[Cause]:
    """`label`: the pattern of names that must be DNS labels; None: names are subdomains, those of RBAC objects anything."""
    values = object["metadata"]
    name = values["name"]
    is_rbac = object["apiVersion"].startswith("rbac.")
    if label is not None and (not label.fullmatch(name) or len(name) > 63):
        yield Cause("metadata.name", f'Invalid value: "{name}": must be a DNS label (lower case letters, digits, "-"; 63 at most)')
    elif not is_rbac and (not SUBDOMAIN.fullmatch(name) or len(name) > 253):
        yield Cause("metadata.name", f'Invalid value: "{name}": must be a lowercase RFC 1123 subdomain')
    for key, value in (values.get("labels") or {}).items():
        if not QUALIFIED_NAME.fullmatch(key) or not LABEL_VALUE.fullmatch(value):
            yield Cause("metadata.labels", f'Invalid value: "{key}={value}": not a label')
    for key in values.get("annotations") or {}:
        if not QUALIFIED_NAME.fullmatch(key):
            yield Cause("metadata.annotations", f'Invalid value: "{key}": not a qualified name')


def data_keys(object: Object) -> Iterator[Cause]:
    for field in ("data", "binaryData", "stringData"):
        for key in object.get(field) or {}:
            if not re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", key):
                yield Cause(f"{field}[{key}]", "Invalid value: keys consist of letters, digits, '-', '_' and '.'")


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


def deployment_pod(object: Object) -> Iterator[Cause]:
    """Kubernetes' rules, and what a Deployment on one machine has not: probes."""
    spec, template = object["spec"], object["spec"]["template"]
    if (policy := template["spec"].get("restartPolicy", "Always")) != "Always":
        yield Cause("spec.template.spec.restartPolicy", f'Unsupported value: "{policy}": supported values: "Always"', "FieldValueNotSupported")
    labels = (template.get("metadata") or {}).get("labels") or {}
    selector = spec["selector"]
    if not (selector.get("matchLabels") or selector.get("matchExpressions")):
        yield Cause("spec.selector", "Invalid value: empty selector is invalid for deployment")
    elif not label_selectors.from_object(selector)(labels):
        yield Cause("spec.template.metadata.labels", f"Invalid value: {labels}: `selector` does not match template `labels`")
    for index, container in enumerate(template["spec"]["containers"]):
        for probe in ("readinessProbe", "livenessProbe", "startupProbe"):
            if probe in container:
                yield Cause(f"spec.template.spec.containers[{index}].{probe}", "Forbidden: not supported for Deployments on one machine")


def cron_job(object: Object) -> Iterator[Cause]:
    """Source: Kubernetes, pkg/apis/batch/validation (v1.34). A schedule has five fields, and its zone only in timeZone."""
    spec = object["spec"]
    text = spec["schedule"].strip()
    if re.match(r"(?:CRON_)?TZ=", text):
        yield Cause("spec.schedule", f'Invalid value: "{text}": cannot use TZ or CRON_TZ in schedule, use timeZone field instead')
    elif not text.startswith("@") and len(text.split()) != CRON_FIELDS:
        yield Cause("spec.schedule", f'Invalid value: "{text}": expected exactly 5 fields, found {len(text.split())}: [{text}]')
    else:
        try:
            Schedule.parse(text)
        except InvalidSchedule as error:
            yield Cause("spec.schedule", f'Invalid value: "{text}": {error}')
    if (zone := spec.get("timeZone")) is not None:
        try:
            if zone in ("", "Local") or (zone_of(zone) is None and zone != "UTC"):
                raise InvalidSchedule(f'unknown time zone "{zone}"')
        except InvalidSchedule as error:
            yield Cause("spec.timeZone", f'Invalid value: "{zone}": {error}')
    policy = spec["jobTemplate"]["spec"]["template"]["spec"].get("restartPolicy")
    if policy not in ("Never", "OnFailure"):
        place = "spec.jobTemplate.spec.template.spec.restartPolicy"
        yield Cause(place, f'Required value: valid values: "OnFailure", "Never" (found {policy})', "FieldValueRequired")
    if len(object["metadata"]["name"]) > MAX_CRON_JOB_NAME:
        yield Cause("metadata.name", f"Invalid value: must be no more than {MAX_CRON_JOB_NAME} characters")


RULES: Mapping[str, Iterable[Callable[[Object], Iterator[Cause]]]] = {
    "Secret": [data_keys],
    "ConfigMap": [data_keys],
    "PersistentVolumeClaim": [claim_rules.claim],
    "Job.batch": [restart_policy, volume_mounts],
    "CronJob.batch": [cron_job],
    "HorizontalPodAutoscaler.autoscaling": [autoscaling_rules.horizontal_pod_autoscaler],
    "ScaledObject.keda.sh": [autoscaling_rules.scaled_object],
    "Deployment.apps": [deployment_pod, volume_mounts],
    "Service.serving.knative.dev": [serving_rules.autoscaling, serving_rules.durations, serving_rules.service_traffic, volume_mounts],
    "Configuration.serving.knative.dev": [serving_rules.autoscaling, serving_rules.durations, volume_mounts],
    "Route.serving.knative.dev": [serving_rules.durations, serving_rules.route_traffic],
    "Broker.eventing.knative.dev": [eventing_rules.broker_class, eventing_rules.delivery],
    "Trigger.eventing.knative.dev": [
        eventing_rules.subscriber, eventing_rules.delivery, eventing_rules.trigger_annotations, eventing_rules.parallelism,
    ],
    "PingSource.sources.knative.dev": [eventing_rules.ping, eventing_rules.overrides],
    "ApiServerSource.sources.knative.dev": [eventing_rules.sink, eventing_rules.resources, eventing_rules.overrides],
    "ValidatingAdmissionPolicy.admissionregistration.k8s.io": [policy_validation.policy],
    "ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io": [policy_validation.binding],
}  # fmt: skip
WITH_SERVING_POD = frozenset({"Service.serving.knative.dev", "Configuration.serving.knative.dev"})
CHANGE_RULES: Mapping[str, Iterable[Callable[[Object, Object], Iterator[Cause]]]] = {
    "PersistentVolumeClaim": [claim_rules.claim_change],
    "Service.serving.knative.dev": [serving_rules.revision_name_change],
    "Configuration.serving.knative.dev": [serving_rules.revision_name_change],
}
DNS_LABEL_NAMES = {"Service", "Service.serving.knative.dev", "Configuration.serving.knative.dev", "Route.serving.knative.dev"}


def _pod_spec(object: Object) -> tuple[Object, str]:
    return object["spec"]["template"]["spec"], "spec.template.spec"
