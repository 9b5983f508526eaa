"""Map documents to files, and find files that are out of date or obsolete."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

import functions
from functions.describe import (
    asyncapi,
    autoscaling,
    client,
    jsonschema,
    metrics,
    networks,
    openapi,
    permissions,
    pools,
    rabbitmq,
    rabbitmq_permissions,
    settings,
    sizing,
)
from functions.describe.catalog import Catalog
from functions.describe.knative import GROUPING, WiringOf, context_manifests, group_manifests
from functions.describe.platform import cluster_manifests, edge_manifests, group_permissions
from functions.describe.services import Manifest, cluster_account
from functions.describe.text import HEADER, to_json, to_yaml, to_yaml_stream

ROOT = Path(functions.__file__).parent.parent
BASE = "knative/base"
GROUPED = "knative/components/grouped"
ISOLATED = "knative/components/isolated"
QUEUE_DEPTH = "knative/components/queue-depth"


def documents(catalog: Catalog, wiring_of: WiringOf) -> dict[str, str]:
    """Return path from the project's root → text. Raises PoolsTooLarge."""
    pools.check(catalog)
    api = openapi.document(catalog)
    files = {
        **client.files(api),
        settings.PAGE: settings.page(),
        metrics.PAGE: metrics.page(),
        permissions.PAGE: permissions.page(catalog.declarations),
        "schemas/openapi.yaml": to_yaml(api),
        "schemas/asyncapi.yaml": to_yaml(asyncapi.document(catalog)),
        f"{BASE}/rabbitmq.yaml": to_yaml_stream(rabbitmq.manifests(rabbitmq_permissions.users(catalog))),
    }
    files[f"{ISOLATED}/kustomization.yaml"] = to_yaml(networks.component())
    files[f"{ISOLATED}/policies.yaml"] = to_yaml_stream(networks.network_policies(catalog.contexts))
    files[f"{QUEUE_DEPTH}/kustomization.yaml"] = to_yaml(autoscaling.queue_depth_component(catalog.declarations))
    files[f"{QUEUE_DEPTH}/authentication.yaml"] = to_yaml_stream(autoscaling.queue_depth_authentication())
    files[f"{GROUPED}/kustomization.yaml"] = to_yaml(component(catalog.contexts))
    for path, schema in jsonschema.documents(catalog).items():
        files[f"schemas/{path}"] = to_json(schema)
    edge = edge_manifests()
    files[f"{BASE}/edge.yaml"] = to_yaml_stream(edge)
    ungrouped, grouped = [*edge, *_broker()], [*edge, *_broker()]
    for context in catalog.contexts:
        manifests, group = context_manifests(catalog, context, wiring_of), group_manifests(catalog, context, wiring_of)
        if _has_account(context, manifests):
            manifests, group = [*cluster_manifests(context), *manifests], [*group_permissions(context), *group]
        files[f"{BASE}/{context}.yaml"], files[f"{GROUPED}/{context}.yaml"] = to_yaml_stream(manifests), to_yaml_stream(group)
        ungrouped += manifests
        grouped += group
    files[sizing.PAGE] = sizing.page(ungrouped, grouped)
    return files


def component(contexts: Sequence[str]) -> Manifest:
    """Return the Kustomize component that replaces the functions of a context by one Service and Trigger."""
    api_version_by_kind = {
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
            for kind, version in api_version_by_kind.items()
        ],
    }


def _broker() -> list[Manifest]:
    """The Broker, which is hand-written: its dispatcher counts too."""
    return list(yaml.safe_load_all((ROOT / BASE / "broker.yaml").read_text()))


def _has_account(context: str, manifests: list[Manifest]) -> bool:
    """Whether functions of the context use the cluster's API."""
    return any((m["kind"], m["metadata"]["name"]) == ("ServiceAccount", cluster_account(context)) for m in manifests)


def find_obsolete(root: Path, generated: Mapping[str, str]) -> list[str]:
    """Return generated files on disk that no declaration accounts for any more."""
    schemas = [path for folder in ("commands", "events", "queries") for path in (root / "schemas" / folder).glob("*.json")]
    modules = [path for path in (root / client.FOLDER).glob("*.py") if path.read_text().startswith(HEADER)]
    manifests = [
        path for folder in (BASE, GROUPED, ISOLATED, QUEUE_DEPTH) for path in (root / folder).glob("*.yaml") if path.read_text().startswith(HEADER)
    ]
    return sorted(name for path in (*schemas, *manifests, *modules) if (name := path.relative_to(root).as_posix()) not in generated)


def find_outdated(root: Path, generated: Mapping[str, str]) -> list[str]:
    """Return files that are missing or differ."""
    return sorted(name for name, text in generated.items() if not (root / name).is_file() or (root / name).read_text() != text)
