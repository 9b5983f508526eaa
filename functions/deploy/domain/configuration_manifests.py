"""The manifests of a configuration: variables of a container, Secrets, and the annotation of pods that use a data service."""

import base64
from collections.abc import Callable, Iterable, Mapping
from uuid import UUID

from functions.deploy.domain.configuration import Entry
from functions.deploy.domain.connection_parameters import redis_parameters
from functions.deploy.domain.manifests import APPLICATION, ENVIRONMENT, MANAGED, Manifest, literal
from functions.deploy.domain.names import namespace_of, service_secret_of
from functions.deploy.domain.service_plans import ServiceKind

DATA_SERVICES = "capsule.dev/data-services"
"""Annotation of a pod that only the one-machine Knative reads: the pod reaches this machine's server of databases (`postgres`)."""
URL_KEY = "url"


def container_env(entries: Iterable[Entry], secret: str, application: str, environment: str) -> list[Manifest]:
    """Render `env` of a container. Secrets are references to keys of the Secret `secret`, URLs of data services to Secrets of their own."""
    return [
        {"name": each.name, "value": literal(each.value or "")}
        if not each.is_secret
        else _reference(each.name, secret, each.name)
        if each.service_id is None
        else _reference(each.name, service_secret_of(application, environment, each.service_id), URL_KEY)
        for each in entries
    ]


def _reference(variable: str, secret: str, key: str) -> Manifest:
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}


def pod_annotations(entries: Iterable[Entry]) -> dict[str, str]:
    """Render what the pods of a configuration need beside their variables."""
    kinds = {each.service_kind for each in entries if each.service_kind not in (None, ServiceKind.EXTERNAL)}
    return {DATA_SERVICES: ",".join(sorted(str(each) for each in kinds))} if kinds else {}


def secrets(
    entries: Iterable[Entry], *, name: str, application: str, environment: str, labels: Mapping[str, str], unseal: Callable[[str], str]
) -> list[Manifest]:
    """Render the Secrets of a configuration.

    `name`: of the one with its secrets, which is immutable: each version has its own. The URL of a data service is in a Secret of its
    own that changes with the credentials, so that a rollback and an instance that starts later have those of now.
    """
    own: dict[str, str] = {}
    services: dict[UUID, str] = {}
    for each in entries:
        if each.sealed is not None and each.service_id is None:
            own[each.name] = unseal(each.sealed)
        elif each.sealed is not None and each.service_id is not None:
            services[each.service_id] = unseal(each.sealed)
    return [
        *([secret(name=name, application=application, labels=labels, values=own)] if own else []),
        *(
            secret(
                name=service_secret_of(application, environment, service_id),
                application=application,
                labels=labels,
                values={URL_KEY: url, **redis_parameters(url)},
                is_immutable=False,
            )
            for service_id, url in services.items()
        ),
    ]


def secret(*, name: str, application: str, labels: Mapping[str, str], values: Mapping[str, str], is_immutable: bool = True) -> Manifest:
    shared = {each: labels[each] for each in (APPLICATION, ENVIRONMENT)}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace_of(application), "labels": {**shared, MANAGED: "true"}},
        "type": "Opaque",
        **({"immutable": True} if is_immutable else {}),
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
    }
