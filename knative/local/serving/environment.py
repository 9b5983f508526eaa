"""What a container finds in its environment (pure over look-ups): Kubernetes' env, envFrom, fieldRef and $(NAME)."""

import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from knative.local.objects import Object

Find = Callable[[str, str], Object | None]
"""(kind, name) -> the object in the pod's namespace"""

_REFERENCE = re.compile(r"\$(\$|\([^()]*\))")
_KEYED = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]$")


class Missing(Exception):
    """CreateContainerConfigError: something that the container needs is not there (yet)."""


def secret_data(secret: Mapping[str, Any]) -> dict[str, bytes]:
    found = {key: b64decode(value) for key, value in (secret.get("data") or {}).items()}
    return found | {key: value.encode() for key, value in (secret.get("stringData") or {}).items()}


def config_data(config: Mapping[str, Any]) -> dict[str, bytes]:
    found = {key: value.encode() for key, value in (config.get("data") or {}).items()}
    return found | {key: b64decode(value) for key, value in (config.get("binaryData") or {}).items()}


def resolve(container: Mapping[str, Any], pod: Object, find: Find, given: Mapping[str, str]) -> dict[str, str]:
    """`given` (PORT, K_SERVICE, the image's own) first, what the container says over it."""
    env = dict(given)
    for source in container.get("envFrom") or []:
        env.update(_from_all(source, find))
    for entry in container.get("env") or []:
        if entry.get("valueFrom"):
            value = _from_one(entry["valueFrom"], container, pod, find)
            if value is not None:
                env[entry["name"]] = value
        else:
            env[entry["name"]] = expand(entry.get("value", ""), env)
    return env


def expand(text: str, env: Mapping[str, str]) -> str:
    """$(NAME) is replaced when NAME is known, $$ is a dollar sign, the rest stays."""

    def one(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        return env.get(match[1][1:-1], match[0])

    return _REFERENCE.sub(one, text)


def expand_all(words: Iterable[str], env: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(expand(word, env) for word in words)


def references(container: Mapping[str, Any]) -> set[tuple[str, str]]:
    """(kind, name) of every Secret and ConfigMap that the environment is made of."""
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


def _from_all(source: Mapping[str, Any], find: Find) -> dict[str, str]:
    prefix = source.get("prefix", "")
    for field, kind, data in (("secretRef", "Secret", secret_data), ("configMapRef", "ConfigMap", config_data)):
        if reference := source.get(field):
            object = find(kind, reference["name"])
            if object is None and not reference.get("optional"):
                raise Missing(f'{kind.lower()} "{reference["name"]}" not found')
            return {prefix + key: _text(value) for key, value in data(object or {}).items()}
    return {}


def _from_one(source: Mapping[str, Any], container: Mapping[str, Any], pod: Object, find: Find) -> str | None:
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
                raise Missing(f'{kind.lower()} "{reference["name"]}" not found')
            raise Missing(f"couldn't find key {reference['key']} in {kind} {pod['metadata']['namespace']}/{reference['name']}")
    raise Missing(f"valueFrom of an unknown sort: {', '.join(source)}")


def field_value(path: str, pod: Object) -> str:
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
        raise Missing(f"fieldPath {path!r} is not supported")
    return str(pod[section].get(name, "default" if name == "serviceAccountName" else "localhost" if name == "nodeName" else ""))


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
