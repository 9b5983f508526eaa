"""What Knative Serving's webhook refuses in the pod of a Service (serving, pkg/apis/serving/k8s_validation.go and fieldmask.go, v1.19).

Some fields need a feature, which the operator of a cluster sets in the ConfigMap config-features. By default they are off.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from knative.local.api.names import DNS_1123_LABEL, is_label, is_subdomain
from knative.local.api.status import Cause

RESERVED_VARIABLES = frozenset({"PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION"})
RESERVED_PORTS = frozenset({8008, 8012, 8013, 8022, 9090, 9091})
RESERVED_PATHS = frozenset({"/", "/dev", "/dev/log"})
PORT_NAMES = ("", "http1", "h2c")
STREAM_FIELDS = ("stdin", "stdinOnce", "tty")
MAX_PORT = 65535
MAX_ID = 2**31 - 1
"""Of a user or group."""
VOLUME_SOURCES = ("secret", "configMap", "projected", "emptyDir")
CLAIM_SOURCE = "persistentVolumeClaim"
PROBES = ("readinessProbe", "livenessProbe", "startupProbe")
FIELD_REF, POD_SECURITY_CONTEXT = "kubernetes.podspec-fieldref", "kubernetes.podspec-securitycontext"
CLAIMS, CLAIM_WRITES = "kubernetes.podspec-persistent-volume-claim", "kubernetes.podspec-persistent-volume-write"
AFFINITY = "kubernetes.podspec-affinity"
ADD_CAPABILITIES = "kubernetes.containerspec-addcapabilities"
PROBE_HANDLERS = ("httpGet", "tcpSocket", "exec")
IMAGE = re.compile(
    r"(?:(?:localhost|[A-Za-z0-9-]*[.:][A-Za-z0-9.:-]*)/)?"
    r"[a-z0-9_./-]{2,255}(?::[\w][\w.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?",
    re.ASCII,
)
"""go-containerregistry, pkg/name, weak validation."""


def serving_pod(object: dict[str, Any], features: Mapping[str, str]) -> Iterator[Cause]:
    """`features`: the data of config-features."""
    spec, path = object["spec"]["template"]["spec"], "spec.template.spec"
    yield from _volumes(spec, path, features)
    yield from _identities(spec.get("securityContext") or {}, f"{path}.securityContext")
    if (account := spec.get("serviceAccountName")) and not is_subdomain(account):
        yield Cause(f"{path}.serviceAccountName", f'Invalid value: "{account}": must be a lowercase RFC 1123 subdomain')
    for name in () if _is_on(features, POD_SECURITY_CONTEXT) else spec.get("securityContext") or ():
        yield Cause(f"{path}.securityContext.{name}", f"must not set the field(s): {name}")
    if spec.get("affinity") and not _is_on(features, AFFINITY):
        yield Cause(f"{path}.affinity", "must not set the field(s): affinity")
    with_ports = [index for index, container in enumerate(spec["containers"]) if container.get("ports")]
    if len(with_ports) > 1:
        yield Cause(f"{path}.containers[*].ports", "more than one container port is set: expected exactly one container with a port")
    serving = with_ports[0] if with_ports else 0
    names = [container.get("name", "") for container in spec["containers"]]
    for index, container in enumerate(spec["containers"]):
        place = f"{path}.containers[{index}]"
        yield from _container(container, place, features, is_serving=index == serving)
        if container.get("name") and names.count(container["name"]) > 1:
            yield Cause(f"{place}.name", f'duplicate container name "{container["name"]}"')


def _container(container: dict[str, Any], place: str, features: Mapping[str, str], *, is_serving: bool) -> Iterator[Cause]:
    if container.get("name") == "queue-proxy":
        yield Cause(f"{place}.name", '"queue-proxy" is a reserved container name')
    for name in STREAM_FIELDS:
        if container.get(name):
            yield Cause(f"{place}.{name}", f"must not set the field(s): {place}.{name}")
    if not IMAGE.fullmatch(container["image"]):
        yield Cause(f"{place}.image", f'Failed to parse image reference: "{container["image"]}"')
    context = container.get("securityContext") or {}
    yield from _identities(context, f"{place}.securityContext")
    if (context.get("capabilities") or {}).get("add") and not _is_on(features, ADD_CAPABILITIES):
        yield Cause(f"{place}.securityContext.capabilities.add", "must not set the field(s): add")
    yield from _sources_of_variables(container, place, features)
    yield from _probes(container, place)
    reserved = RESERVED_VARIABLES if is_serving else RESERVED_VARIABLES - {"PORT"}
    for index, variable in enumerate(container.get("env") or ()):
        if variable.get("name") in reserved:
            yield Cause(f"{place}.env[{index}].name", f'"{variable["name"]}" is a reserved environment variable')
    ports = container.get("ports") or ()
    if len(ports) > 1:
        yield Cause(f"{place}.ports", "more than one container port is set: expected exactly one")
    for index, port in enumerate(ports):
        number, name = port.get("containerPort", 0), port.get("name") or ""
        if number in RESERVED_PORTS:
            yield Cause(f"{place}.ports[{index}].containerPort", f"Invalid value: {number}: is a reserved port")
        elif not 0 <= number <= MAX_PORT:
            yield Cause(f"{place}.ports[{index}].containerPort", f"expected 0 <= {number} <= {MAX_PORT}")
        if name not in PORT_NAMES:
            yield Cause(f"{place}.ports[{index}].name", f'Port name {name} is not allowed: must be one of "http1", "h2c"')
    seen: set[str] = set()
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        target = str(mount.get("mountPath", ""))
        clean = "/" + posixpath.normpath(target).lstrip("/") if target.startswith("/") else target
        if not target.startswith("/"):
            yield Cause(f"{place}.volumeMounts[{index}].mountPath", f'Invalid value: "{target}": must be an absolute path')
        elif clean in RESERVED_PATHS:
            yield Cause(f"{place}.volumeMounts[{index}].mountPath", f'mountPath "{clean}" is a reserved path')
        elif clean in seen:
            yield Cause(f"{place}.volumeMounts[{index}].mountPath", f'Invalid value: "{clean}": must be unique')
        seen.add(clean)


def _volumes(spec: dict[str, Any], path: str, features: Mapping[str, str]) -> Iterator[Cause]:
    containers = [*spec["containers"], *(spec.get("initContainers") or ())]
    mounted = {mount["name"] for container in containers for mount in container.get("volumeMounts") or ()}
    names = [volume["name"] for volume in spec.get("volumes") or ()]
    for index, name in enumerate(names):
        if names.count(name) > 1:
            yield Cause(f"{path}.volumes[{index}].name", f'duplicate volume name "{name}"')
        if name not in mounted:
            yield Cause(f"{path}.volumes[{index}].name", f'volume with name "{name}" not mounted')
        if not is_label(name, DNS_1123_LABEL):
            yield Cause(f"{path}.volumes[{index}].name", f'Invalid value: "{name}": must be a DNS label')
    for index, volume in enumerate(spec.get("volumes") or ()):
        yield from _one_of(volume, (*VOLUME_SOURCES, CLAIM_SOURCE) if _is_on(features, CLAIMS) else VOLUME_SOURCES, f"{path}.volumes[{index}]")
        claim = volume.get(CLAIM_SOURCE) or {}
        if _is_on(features, CLAIMS) and claim and not claim.get("readOnly") and not _is_on(features, CLAIM_WRITES):
            yield Cause(
                f"{path}.volumes[{index}].{CLAIM_SOURCE}",
                f"Persistent volume write support is disabled, but found persistent volume claim {claim['claimName']} that is not read-only",
            )
        for number, source in enumerate((volume.get("projected") or {}).get("sources") or ()):
            place = f"{path}.volumes[{index}].projected.sources[{number}]"
            yield from _one_of(source, ("secret", "configMap"), place)
            for kind, reference in source.items():
                if not reference.get("name"):
                    yield Cause(f"{place}.{kind}.name", "Required value", "FieldValueRequired")
        limit = str((volume.get("emptyDir") or {}).get("sizeLimit", ""))
        if limit.startswith("-"):
            yield Cause(f"{path}.volumes[{index}].emptyDir.sizeLimit", f"Invalid value: {limit}")


def _is_on(features: Mapping[str, str], name: str) -> bool:
    return features.get(name, "").lower() in ("enabled", "allowed")


def _sources_of_variables(container: dict[str, Any], place: str, features: Mapping[str, str]) -> Iterator[Cause]:
    for index, variable in enumerate(container.get("env") or ()):
        if "fieldRef" in (variable.get("valueFrom") or {}) and not _is_on(features, FIELD_REF):
            yield Cause(f"{place}.env[{index}].valueFrom.fieldRef", "must not set the field(s): fieldRef")
    for index, source in enumerate(container.get("envFrom") or ()):
        yield from _one_of(source, ("configMapRef", "secretRef"), f"{place}.envFrom[{index}]")


def _probes(container: dict[str, Any], place: str) -> Iterator[Cause]:
    ports: Sequence[Mapping[str, Any]] = container.get("ports") or ()
    port_name = (ports[0].get("name") if ports else None) or "http"
    for field in PROBES:
        probe = container.get(field)
        if probe is None:
            continue
        handlers = [name for name in PROBE_HANDLERS if name in probe]
        if handlers or field != "readinessProbe":  # a readiness probe without one asks the port
            yield from _one_of(probe, PROBE_HANDLERS, f"{place}.{field}")
        for name in handlers:
            port = (probe[name] or {}).get("port")
            if isinstance(port, str) and port not in ("", port_name):
                yield Cause(f"{place}.{field}.{name}.port", f'Invalid value: "{port}": Probe port must match container port')
    readiness = container.get("readinessProbe") or {}
    if not readiness.get("periodSeconds"):
        for field in ("failureThreshold", "timeoutSeconds"):
            if readiness.get(field):
                yield Cause(f"{place}.readinessProbe.{field}", f"{field} is disallowed when periodSeconds is zero")


def _identities(context: Mapping[str, Any], place: str) -> Iterator[Cause]:
    for field in ("runAsUser", "runAsGroup", "fsGroup"):
        if context.get(field, 0) > MAX_ID:
            yield Cause(f"{place}.{field}", f"expected 0 <= {context[field]} <= {MAX_ID}")


def _one_of(object: Mapping[str, Any], names: Sequence[str], place: str) -> Iterator[Cause]:
    found = [name for name in names if name in object]
    if len(found) != 1:
        yield Cause(place, f"expected exactly one of {', '.join(names)}; got {', '.join(found) or 'none'}")
