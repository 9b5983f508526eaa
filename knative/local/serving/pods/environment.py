"""A container's environment variables: Kubernetes' env, envFrom, fieldRef and $(NAME). Pure over look-ups."""

import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from knative.local.objects import Object

FindObject = Callable[[str, str], Object | None]
"""(kind, name) → the object in the pod's namespace."""

_REFERENCE = re.compile(r"\$(\$|\([^()]*\))")
_KEYED = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]$")


class MissingReference(Exception):
    """The container needs an object, a key or a feature that does not exist (CreateContainerConfigError).

    It may be created later.
    """


def secret_data(secret: Mapping[str, Any]) -> dict[str, bytes]:
    found = {key: b64decode(value) for key, value in (secret.get("data") or {}).items()}
    return found | {key: value.encode() for key, value in (secret.get("stringData") or {}).items()}


def config_data(config: Mapping[str, Any]) -> dict[str, bytes]:
    found = {key: value.encode() for key, value in (config.get("data") or {}).items()}
    return found | {key: b64decode(value) for key, value in (config.get("binaryData") or {}).items()}


def resolve(container: Mapping[str, Any], pod: Object, find: FindObject, defaults: Mapping[str, str]) -> dict[str, str]:
    """Return the container's variables over `defaults` (PORT, K_SERVICE, the image's own). Raises MissingReference."""
    env = dict(defaults)
    for source in container.get("envFrom") or []:
        env.update(_env_from(source, find))
    for entry in container.get("env") or []:
        if entry.get("valueFrom"):
            value = _value_from(entry["valueFrom"], container, pod, find)
            if value is not None:
                env[entry["name"]] = value
        else:
            env[entry["name"]] = expand(entry.get("value", ""), env)
    return env


def expand(text: str, env: Mapping[str, str]) -> str:
    """Replace $(NAME) when NAME is known, and $$ by a dollar sign. Everything else stays."""

    def replace(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        return env.get(match[1][1:-1], match[0])

    return _REFERENCE.sub(replace, text)


def expand_all(words: Iterable[str], env: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(expand(word, env) for word in words)


def references(container: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return the (kind, name) of every Secret and ConfigMap that the environment refers to."""
    found: set[tuple[str, str]] = set()
    for source in (*(container.get("envFrom") or []), *((entry.get("valueFrom") or {}) for entry in container.get("env") or [])):
        for field, kind in (
            ("secretRef", "Secret"),
            ("secretKeyRef", "Secret"),
            ("configMapRef", "ConfigMap"),
            ("configMapKeyRef", "ConfigMap"),
        ):
            if field in source:
                found.add((kind, source[field]["name"]))
    return found


def _env_from(source: Mapping[str, Any], find: FindObject) -> dict[str, str]:
    prefix = source.get("prefix", "")
    for field, kind, data in (("secretRef", "Secret", secret_data), ("configMapRef", "ConfigMap", config_data)):
        if reference := source.get(field):
            object = find(kind, reference["name"])
            if object is None and not reference.get("optional"):
                raise MissingReference(f'{kind.lower()} "{reference["name"]}" not found')
            return {prefix + key: _text(value) for key, value in data(object or {}).items()}
    return {}


def _value_from(source: Mapping[str, Any], container: Mapping[str, Any], pod: Object, find: FindObject) -> str | None:
    if reference := source.get("fieldRef"):
        return field_value(reference["fieldPath"], pod)
    if reference := source.get("resourceFieldRef"):
        section, _, name = reference["resource"].partition(".")
        return str(container.get("resources", {}).get(section, {}).get(name, "0"))
    for field, kind, data in (("secretKeyRef", "Secret", secret_data), ("configMapKeyRef", "ConfigMap", config_data)):
        if reference := source.get(field):
            object = find(kind, reference["name"])
            found = data(object) if object is not None else {}
            if reference["key"] in found:
                return _text(found[reference["key"]])
            if reference.get("optional"):
                return None
            if object is None:
                raise MissingReference(f'{kind.lower()} "{reference["name"]}" not found')
            raise MissingReference(f"couldn't find key {reference['key']} in {kind} {pod['metadata']['namespace']}/{reference['name']}")
    raise MissingReference(f"valueFrom {', '.join(source)} is not supported")


def field_value(path: str, pod: Object) -> str:
    """Return a pod's field as the downward API does. Raises MissingReference."""
    if match := _KEYED.match(path):
        return str((pod["metadata"].get(match[1]) or {}).get(match[2], ""))
    if path in ("metadata.labels", "metadata.annotations"):
        entries = pod["metadata"].get(path.split(".")[1]) or {}
        return "\n".join(f'{key}="{value}"' for key, value in sorted(entries.items()))
    if path in ("status.podIP", "status.hostIP", "status.podIPs", "status.hostIPs"):
        return "127.0.0.1"
    section, _, name = path.partition(".")
    known = {"metadata": ("name", "namespace", "uid"), "spec": ("nodeName", "serviceAccountName")}
    if name not in known.get(section, ()):
        raise MissingReference(f"fieldPath {path!r} is not supported")
    return str(pod[section].get(name, "default" if name == "serviceAccountName" else "localhost" if name == "nodeName" else ""))


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
