"""The overlays as `kubectl kustomize` renders them. Each is rendered once per process and shared: do not change the objects."""

import subprocess
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.generated.kinds import PROJECT, Manifest

KNATIVE = PROJECT / "knative"
OVERLAYS = ("local", "local-grouped", "staging", "production")
CLUSTERS = ("staging", "production")
"""The overlays of clusters, as they are in the project."""
WORKLOADS = ("Service", "Job", "CronJob", "Deployment", "DaemonSet", "StatefulSet")


def documents(text: str) -> list[Manifest]:
    return [document for document in yaml.load_all(text, yaml.CSafeLoader) if document]


@cache
def render(kubectl: Path, folder: Path) -> list[Manifest]:
    """Return the objects of a kustomization."""
    result = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return documents(result.stdout)


def overlay_of(folder: Path, *components: str, base: str = "base") -> Path:
    """Write an overlay over a folder of `knative` with components, and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("base", "components", "overlays"):
        if not (link := folder.parent / name).exists():
            link.symlink_to(KNATIVE / name)
    lines = [f"resources: [../{base}]", f"components: [{', '.join(f'../components/{each}' for each in components)}]"]
    (folder / "kustomization.yaml").write_text("\n".join(lines) + "\n")
    return folder


def pods(manifests: Sequence[Manifest]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (kind/name, pod spec) of every workload, and of the Jobs inside ConfigMaps."""
    for manifest in manifests:
        name = f"{manifest['kind']}/{manifest['metadata']['name']}"
        if manifest["kind"] in WORKLOADS and "template" in manifest.get("spec", {}):
            yield name, manifest["spec"]["template"]["spec"]
        if manifest["kind"] == "CronJob":
            yield name, manifest["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        if manifest["kind"] == "ConfigMap":
            for key, text in manifest.get("data", {}).items():
                if key.endswith("job.yaml"):
                    yield f"{name}/{key}", yaml.safe_load(text)["spec"]["template"]["spec"]


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod.get("initContainers", ()), *pod["containers"]]
