"""What Knative Serving's webhook refuses in the pod of a Service (serving, pkg/apis/serving/k8s_validation.go, v1.19)."""

from collections.abc import Iterator
from typing import Any

from knative.local.api.status import Cause

RESERVED_VARIABLES = frozenset({"PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION"})
RESERVED_PORTS = frozenset({8008, 8012, 8013, 8022, 9090, 9091})
RESERVED_PATHS = frozenset({"/", "/dev", "/dev/log"})
PORT_NAMES = ("", "http1", "h2c")
STREAM_FIELDS = ("stdin", "stdinOnce", "tty")
MAX_PORT = 65535


def serving_pod(object: dict[str, Any]) -> Iterator[Cause]:
    spec, path = object["spec"]["template"]["spec"], "spec.template.spec"
    yield from _volumes(spec, path)
    with_ports = [index for index, container in enumerate(spec["containers"]) if container.get("ports")]
    if len(with_ports) > 1:
        yield Cause(f"{path}.containers[*].ports", "more than one container port is set: expected exactly one container with a port")
    serving = with_ports[0] if with_ports else 0
    names = [container.get("name", "") for container in spec["containers"]]
    for index, container in enumerate(spec["containers"]):
        place = f"{path}.containers[{index}]"
        yield from _container(container, place, is_serving=index == serving)
        if container.get("name") and names.count(container["name"]) > 1:
            yield Cause(f"{place}.name", f'duplicate container name "{container["name"]}"')


def _container(container: dict[str, Any], place: str, *, is_serving: bool) -> Iterator[Cause]:
    if container.get("name") == "queue-proxy":
        yield Cause(f"{place}.name", '"queue-proxy" is a reserved container name')
    for name in STREAM_FIELDS:
        if container.get(name):
            yield Cause(f"{place}.{name}", f"must not set the field(s): {place}.{name}")
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
        clean = "/" + target.strip("/") if target.startswith("/") else target
        if not target.startswith("/"):
            yield Cause(f"{place}.volumeMounts[{index}].mountPath", f'Invalid value: "{target}": must be an absolute path')
        elif clean in RESERVED_PATHS:
            yield Cause(f"{place}.volumeMounts[{index}].mountPath", f'mountPath "{clean}" is a reserved path')
        elif clean in seen:
            yield Cause(f"{place}.volumeMounts[{index}].mountPath", f'Invalid value: "{clean}": must be unique')
        seen.add(clean)


def _volumes(spec: dict[str, Any], path: str) -> Iterator[Cause]:
    containers = [*spec["containers"], *(spec.get("initContainers") or ())]
    mounted = {mount["name"] for container in containers for mount in container.get("volumeMounts") or ()}
    names = [volume["name"] for volume in spec.get("volumes") or ()]
    for index, name in enumerate(names):
        if names.count(name) > 1:
            yield Cause(f"{path}.volumes[{index}].name", f'duplicate volume name "{name}"')
        if name not in mounted:
            yield Cause(f"{path}.volumes[{index}].name", f'volume with name "{name}" not mounted')
