"""Secrets and ConfigMaps that the overlay reads: whether they exist, have the keys, and have values that functions accept."""

from collections.abc import Iterator, Mapping

from functions.runtime.config.variables import MAIL_URL, PUBLIC_URL
from functions.wire.settings import InvalidSetting, Setting
from knative.cluster.connection import ClusterApi
from knative.cluster.overlay import Overlay
from knative.cluster.secrets.command import read
from knative.cluster.secrets.inputs import known_settings
from knative.cluster.secrets.planned import Existing, values_of
from knative.machine.doctor.finding import Finding, Level
from knative.machine.installation_objects import NAMESPACE, READ_BY_TOPOLOGY_OPERATOR, Object, reference

MAKE = "./taskw cluster secrets --file FILE --apply"


def check(cluster: ClusterApi, overlay: Overlay) -> Iterator[Finding]:
    existing, _ = read(cluster)
    yield from value_findings(overlay.required_values(), existing)
    for user in overlay.of_kind("User"):
        secret = cluster.get(reference(user["spec"].get("importCredentialsSecret", {}).get("name", "")))
        if secret is not None:
            yield from login_findings(secret)
    for name, namespaces in overlay.namespaces_of_copies.items():
        for namespace in namespaces:
            found = cluster.get({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}})
            copy = values_of({**found, "kind": "Secret"}) if found else None
            yield from copy_findings(name, namespace, existing.get(("Secret", name)), copy)


def login_findings(secret: Object) -> Iterator[Finding]:
    """Decide about the Secret of a user of RabbitMQ."""
    metadata = secret["metadata"]
    if not READ_BY_TOPOLOGY_OPERATOR.items() <= (metadata.get("labels") or {}).items():
        label = "=".join(next(iter(READ_BY_TOPOLOGY_OPERATOR.items())))
        detail = f"Secret {metadata['name']} has no label {label}: RabbitMQ's topology operator would not see it"
        yield Finding("secrets", Level.FAULT, detail, MAKE)


def copy_findings(name: str, namespace: str, original: Mapping[str, str] | None, copy: Mapping[str, str] | None) -> Iterator[Finding]:
    """Decide about the copy of a Secret in another namespace."""
    if copy is None:
        yield Finding("secrets", Level.FAULT, f"Secret {name} is missing in the namespace {namespace}", MAKE)
    elif original is not None and copy != original:
        yield Finding("secrets", Level.FAULT, f"Secret {name} of the namespace {namespace} differs from the one of {NAMESPACE}", MAKE)


def value_findings(required: Mapping[tuple[str, str], set[str]], existing: Existing) -> Iterator[Finding]:
    """`required`: (kind, name) → keys without which a workload does not start."""
    missing = [f"{kind} {name}" for kind, name in required if (kind, name) not in existing]
    if missing:
        yield Finding("secrets", Level.FAULT, f"{len(missing)} of {len(required)} are missing: {', '.join(missing)}", MAKE)
    without = {f"{kind} {name}": sorted(keys - set(existing[kind, name])) for (kind, name), keys in required.items() if (kind, name) in existing}
    for title, keys in without.items():
        if keys:
            yield Finding("secrets", Level.FAULT, f"{title} has no key {', '.join(keys)}", MAKE)
    empty = [f"{kind} {name}/{key}" for (kind, name), keys in required.items() for key in keys if existing.get((kind, name), {}).get(key) == ""]
    if empty:
        yield Finding("secrets", Level.FAULT, f"empty: {', '.join(empty)}", MAKE)
    if not missing and not empty and not any(without.values()):
        yield Finding("secrets", Level.GOOD, f"all {len(required)} Secrets and ConfigMaps exist, with their keys")


def check_settings(cluster: ClusterApi, overlay: Overlay) -> Iterator[Finding]:
    existing, _ = read(cluster)
    known = {each.name: each for each in known_settings()}
    yield from setting_findings(overlay.settings, existing, known)


def setting_findings(settings: Mapping[str, str], existing: Existing, known: Mapping[str, Setting[object]]) -> Iterator[Finding]:
    """`settings`: of the ConfigMap in the overlay. Secrets `<context>-settings` count more."""
    count = 0
    sources = {"settings.yaml": settings, **{f"Secret {name}": data for (kind, name), data in existing.items() if name.endswith("-settings")}}
    for title, values in sources.items():
        for name, value in values.items():
            if name in known and value:
                count += 1
                try:
                    known[name].read({name: value})
                except InvalidSetting as error:
                    yield Finding("settings", Level.FAULT, f"{title}: {error}", "All settings: docs/settings.md")
    stored = existing.get(("Secret", "auth-settings"), {})
    if not (settings.get(MAIL_URL.name) or stored.get(MAIL_URL.name)):
        remedy = f"./taskw cluster secrets --apply {MAIL_URL.name}=smtp://user:password@mail.example.org:587"
        yield Finding("settings", Level.FAULT, f"no {MAIL_URL.name}: nobody could verify an address", remedy)
    if not settings.get(PUBLIC_URL.name):
        yield Finding("settings", Level.FAULT, f"no {PUBLIC_URL.name} in settings.yaml: links in e-mails would lead nowhere", "Set it there.")
    yield Finding("settings", Level.GOOD, f"{count} values read")
