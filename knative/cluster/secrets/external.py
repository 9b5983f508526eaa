"""The Secrets as ExternalSecrets (external-secrets.io), for a store outside of the cluster such as Vault or a cloud's secret manager.

The store has one entry for each Secret, `<prefix>/<name>`, with its keys as properties. `store_document` is what to write there.
"""

from collections.abc import Iterable

from knative.cluster.secrets.planned import Planned, State
from knative.machine.home import CONTEXTS
from knative.machine.installation_objects import NAMESPACE, READ_BY_TOPOLOGY_OPERATOR, Object, is_login

API = "external-secrets.io/v1"
PREFIX = "capsule"
REFRESH = "5m"
"""How often the operator reads the store: a rotation reaches the cluster within this time."""
PRIVATE_PARTS = {"capsule-jwks": {"auth-signing"}, "capsule-sealing": {f"{context}-sealing" for context in CONTEXTS}}
"""ConfigMap with public keys → the Secrets with the private ones."""


def external_objects(items: Iterable[Planned], store: str, kind: str = "ClusterSecretStore") -> list[Object]:
    """An ExternalSecret for each Secret; ConfigMaps, which are public, as they are. `store`: name of the SecretStore or ClusterSecretStore.

    Public parts of keys that are not in the cluster yet are left out: they follow from what the store has. The next `secrets --apply` writes them.
    """
    items = [item for item in items if item.values]
    generated = {item.name for item in items if item.keys_in(State.GENERATED)}
    waiting = {public for public, private in PRIVATE_PARTS.items() if private & generated}
    return [_external(item, store, kind) if item.kind == "Secret" else item.manifest for item in items if item.name not in waiting]


def store_document(items: Iterable[Planned]) -> dict[str, dict[str, str]]:
    """Entry of the store → its properties."""
    return {entry(item): dict(item.values) for item in items if item.kind == "Secret" and item.values}


def entry(item: Planned) -> str:
    return f"{PREFIX}/{item.name}"


def _external(item: Planned, store: str, kind: str) -> Object:
    data = [{"secretKey": key, "remoteRef": {"key": entry(item), "property": key}} for key in sorted(item.values)]
    return {
        "apiVersion": API,
        "kind": "ExternalSecret",
        "metadata": {"name": item.name, "namespace": NAMESPACE, "labels": {"app.kubernetes.io/part-of": "capsule"}},
        "spec": {
            "refreshInterval": REFRESH,
            "secretStoreRef": {"kind": kind, "name": store},
            "target": {"name": item.name, "creationPolicy": "Owner", "template": _template(item)},
            "data": data,
        },
    }


def _template(item: Planned) -> Object:
    return {"type": item.type, **({"metadata": {"labels": dict(READ_BY_TOPOLOGY_OPERATOR)}} if is_login(item.name) else {})}
