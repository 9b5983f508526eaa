"""Which document goes into which file, and what a folder holds that no declaration accounts for any more."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from functions.describe import asyncapi, jsonschema, openapi, pools, rabbitmq, rabbitmq_permissions
from functions.describe.catalog import Catalog
from functions.describe.knative import GROUPING, WiringOf, context_manifests, group_manifests
from functions.describe.platform import cluster_manifests, edge_manifests
from functions.describe.services import Manifest, cluster_account
from functions.describe.text import HEADER, to_json, to_yaml, to_yaml_stream

BASE = "knative/base"
GROUPED = "knative/components/grouped"


def documents(catalog: Catalog, wiring_of: WiringOf) -> dict[str, str]:
    """Path from the project's root → text. Raises PoolsTooLarge."""
    pools.check(catalog)
    found = {
        "schemas/openapi.yaml": to_yaml(openapi.document(catalog)),
        "schemas/asyncapi.yaml": to_yaml(asyncapi.document(catalog)),
        f"{BASE}/edge.yaml": to_yaml_stream(edge_manifests()),
        f"{BASE}/rabbitmq.yaml": to_yaml_stream(rabbitmq.manifests(rabbitmq_permissions.users(catalog))),
    }
    found[f"{GROUPED}/kustomization.yaml"] = to_yaml(component(catalog.contexts))
    for path, schema in jsonschema.documents(catalog).items():
        found[f"schemas/{path}"] = to_json(schema)
    for context in catalog.contexts:
        found[f"{BASE}/{context}.yaml"] = to_yaml_stream(_with_cluster(context, context_manifests(catalog, context, wiring_of)))
        found[f"{GROUPED}/{context}.yaml"] = to_yaml_stream(group_manifests(catalog, context, wiring_of))
    return found


def component(contexts: Sequence[str]) -> Manifest:
    """`components: [../../components/grouped]` in an overlay makes it one Service and Trigger a context."""
    taken_away = {
        "Service": "serving.knative.dev/v1",
        "Trigger": "eventing.knative.dev/v1",
        "PingSource": "sources.knative.dev/v1",
    }
    return {
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
        "resources": [f"{context}.yaml" for context in contexts],
        "patches": [
            {
                "target": {"kind": kind, "labelSelector": f"{GROUPING}=function"},
                "patch": f"$patch: delete\napiVersion: {version}\nkind: {kind}\nmetadata:\n  name: any\n",
            }
            for kind, version in taken_away.items()
        ],
    }


def _with_cluster(context: str, manifests: list[Manifest]) -> list[Manifest]:
    account = {"kind": "ServiceAccount", "name": cluster_account(context)}
    has_account = any(m["kind"] == account["kind"] and m["metadata"]["name"] == account["name"] for m in manifests)
    return [*cluster_manifests(context), *manifests] if has_account else manifests


def stale(root: Path, wanted: Mapping[str, str]) -> list[str]:
    """Generated files on disk that are none any more."""
    schemas = [path for folder in ("commands", "events", "queries") for path in (root / "schemas" / folder).glob("*.json")]
    manifests = [path for folder in (BASE, GROUPED) for path in (root / folder).glob("*.yaml") if path.read_text().startswith(HEADER)]
    return sorted(name for path in (*schemas, *manifests) if (name := path.relative_to(root).as_posix()) not in wanted)


def drifted(root: Path, wanted: Mapping[str, str]) -> list[str]:
    """Files that are missing or differ."""
    return sorted(name for name, text in wanted.items() if not (root / name).is_file() or (root / name).read_text() != text)
