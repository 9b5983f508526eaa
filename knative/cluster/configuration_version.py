"""The version of what a workload reads when it starts, as an annotation: changed Secrets and settings roll it out.

Variables of a container (`env`, `envFrom`) and files mounted by `subPath` keep the value of the start. The kubelet renews other mounted files.
Functions read these again (`functions.runtime.config.settings`), other programs seldom do. So a Knative Service depends on the variables of its
containers, and a Deployment, DaemonSet or StatefulSet on everything that its pods read. RabbitMQ's users and PostgreSQL's roles name the Secrets of
their logins, which an operator of Kubernetes reads when the object changes.

The version says nothing about a value: of a Secret it has the `uid` and `resourceVersion` alone.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from knative.cluster.connection import ClusterApi
from knative.cluster.overlay import pod_spec

Object = dict[str, Any]
Reference = tuple[str, str, str]
"""Kind (Secret or ConfigMap), namespace, name."""
ANNOTATION = "capsule.dev/configuration-version"
RESTARTED = ("Deployment", "DaemonSet", "StatefulSet")
"""Kinds that replace their pods when the template changes. A Job, also of a CronJob, reads what it finds when it runs."""
DIGITS = 8


def with_versions(cluster: ClusterApi, objects: Iterable[Object]) -> list[Object]:
    """Annotate everything that reads Secrets or ConfigMaps: those of `objects` itself, and for the others those of the cluster."""
    objects = list(objects)
    own = {reference_of(each): each for each in objects if each["kind"] in ("Secret", "ConfigMap")}
    token = tokens(lambda reference: own.get(reference) or _stored(cluster, reference))
    return [annotated(each, found) if (found := version(each, token)) else each for each in objects]


@dataclass(frozen=True)
class Stale:
    """A workload that runs with former values. `live`: the present object. `change`: its name and the new annotation alone."""

    live: Object
    change: Object


def stale(cluster: ClusterApi, objects: Iterable[Object], changed: frozenset[Reference]) -> list[Stale]:
    """Return the workloads of the cluster that do not read the present values.

    `objects`: the workloads to look at, which need not exist. `changed`: what was just written. It counts for workloads without an annotation, those
    of an earlier version of Capsule. The cluster's state alone decides, so an interrupted run can be repeated.
    """
    token = tokens(lambda reference: _stored(cluster, reference))
    found = []
    for item in objects:
        if not is_versioned(item) or (present := cluster.present(item)) is None:
            continue
        live = {**present, "apiVersion": item["apiVersion"], "kind": item["kind"]}
        expected, current = version(live, token), _annotations(live).get(ANNOTATION)
        if expected and expected != current and (current or changed & set(references(live))):
            metadata = {name: live["metadata"][name] for name in ("name", "namespace") if name in live["metadata"]}
            change = annotated({"apiVersion": item["apiVersion"], "kind": item["kind"], "metadata": metadata}, expected, live)
            found.append(Stale(live, change))
    return found


def is_versioned(item: Object) -> bool:
    """Whether an object reads anything when it starts."""
    return any(True for _ in references(item))


def version(item: Object, token: Callable[[Reference], str | None]) -> str | None:
    """Digits that change with what an object reads. None when it reads nothing."""
    found = sorted(set(references(item)))
    return sha256(json.dumps([(each, token(each)) for each in found]).encode()).hexdigest()[:DIGITS] if found else None


def tokens(read: Callable[[Reference], Object | None]) -> Callable[[Reference], str | None]:
    """Return a function that says which version an object has; None when it does not exist. Each is read once."""
    known: dict[Reference, str | None] = {}

    def token(reference: Reference) -> str | None:
        if reference not in known:
            item = read(reference)
            known[reference] = None if item is None else _token(reference[0], item)
        return known[reference]

    return token


def references(item: Object) -> Iterator[Reference]:
    """What an object reads when it starts."""
    namespace = item["metadata"].get("namespace", "")
    for kind, name in _references(item):
        yield kind, namespace, name


def annotated(item: Object, version: str, source: Object | None = None) -> Object:
    """Return the object with the annotation where a change of it has an effect: in the template of the pods, or on the object itself.

    `source`: what decides this, if `item` is only a part of it.
    """
    if pod_spec(source or item) is None:
        return {**item, "metadata": _with_annotation(item["metadata"], version)}
    spec = item.get("spec") or {}
    template = spec.get("template") or {}
    return {**item, "spec": {**spec, "template": {**template, "metadata": _with_annotation(template.get("metadata") or {}, version)}}}


def _references(item: Object) -> Iterator[tuple[str, str]]:
    spec = item.get("spec") or {}
    match item["kind"]:
        case "User":  # of RabbitMQ's topology operator
            if login := spec.get("importCredentialsSecret"):
                yield "Secret", login["name"]
        case "Cluster":  # of CloudNativePG
            for role in (spec.get("managed") or {}).get("roles") or ():
                if login := role.get("passwordSecret"):
                    yield "Secret", login["name"]
        case "Service" if item["apiVersion"].startswith("serving.knative.dev/"):
            yield from _of_pod(pod_spec(item) or {}, follows_files=True)
        case kind if kind in RESTARTED:
            yield from _of_pod(pod_spec(item) or {}, follows_files=False)


def _of_pod(pod: Object, *, follows_files: bool) -> Iterator[tuple[str, str]]:
    containers = [*(pod.get("initContainers") or ()), *(pod.get("containers") or ())]
    for container in containers:
        for variable in container.get("env") or ():
            source = variable.get("valueFrom") or {}
            yield from _named(source, secretKeyRef="Secret", configMapKeyRef="ConfigMap")
        for source in container.get("envFrom") or ():
            yield from _named(source, secretRef="Secret", configMapRef="ConfigMap")
    fixed = {mount["name"] for container in containers for mount in container.get("volumeMounts") or () if "subPath" in mount}
    for volume in pod.get("volumes") or ():
        if not follows_files or volume["name"] in fixed:
            for source in (volume, *((volume.get("projected") or {}).get("sources") or ())):
                yield from _named(source, secret="Secret", configMap="ConfigMap")


def _named(source: Object, **kinds: str) -> Iterator[tuple[str, str]]:
    for field, kind in kinds.items():
        if found := source.get(field):
            yield kind, found.get("secretName") or found["name"]


def reference_of(item: Object) -> Reference:
    return item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"]


def _stored(cluster: ClusterApi, reference: Reference) -> Object | None:
    kind, namespace, name = reference
    return cluster.get({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}})


def _token(kind: str, item: Object) -> str:
    if kind == "Secret":
        return f"{item['metadata'].get('uid')}:{item['metadata'].get('resourceVersion')}"
    values = {name: item.get(name) or {} for name in ("data", "binaryData")}
    return sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _annotations(item: Object) -> Mapping[str, str]:
    metadata = item["metadata"] if pod_spec(item) is None else item["spec"]["template"].get("metadata") or {}
    return metadata.get("annotations") or {}


def _with_annotation(metadata: Object, version: str) -> Object:
    return {**metadata, "annotations": {**(metadata.get("annotations") or {}), ANNOTATION: version}}
