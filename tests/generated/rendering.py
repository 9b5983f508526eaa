"""The overlays as `kubectl kustomize` renders them. Each is rendered once for all workers and shared: do not change the objects."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
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
DAY_SECONDS = 86_400
WORKLOADS = ("Service", "Job", "CronJob", "Deployment", "DaemonSet", "StatefulSet")


def documents(text: str) -> list[Manifest]:
    return [document for document in yaml.load_all(text, yaml.CSafeLoader) if document]


@cache
def render(kubectl: Path, folder: Path) -> list[Manifest]:
    """Return the objects of a kustomization: of the project, or one of `overlay_of`. kustomize takes 4 s of CPU for each."""
    shared = _shared_folder()
    name = str(folder.relative_to(PROJECT)) if folder.is_relative_to(PROJECT) else (folder / "kustomization.yaml").read_text()
    stored = shared / f"{hashlib.sha256(name.encode()).hexdigest()}.json"
    with stored.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stored.exists():
            result = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True)
            assert result.returncode == 0, result.stderr
            complete = stored.with_suffix(".new")
            complete.write_text(json.dumps(documents(result.stdout)))
            complete.replace(stored)
    manifests: list[Manifest] = json.loads(stored.read_text())
    return manifests


@cache
def _shared_folder() -> Path:
    """Return the folder for what the present files render to. Those of former files are deleted after a day."""
    parent = Path(tempfile.gettempdir()) / f"capsule-rendered-{os.geteuid()}"
    folder = parent / _digest_of_knative()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.utime(folder)
    for other in parent.iterdir():
        if time.time() - other.stat().st_mtime > DAY_SECONDS:
            shutil.rmtree(other, ignore_errors=True)
    return folder


def _digest_of_knative() -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in KNATIVE.rglob("*") if path.suffix not in (".py", ".pyc") and path.is_file()):
        digest.update(f"{path.relative_to(KNATIVE)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def production_with_servers(kubectl: Path, folder: Path) -> list[Manifest]:
    """Return the objects of the production overlay with servers of its own and functions that scale by their queues."""
    return render(kubectl, overlay_of(folder / "full", "issuers", "rabbitmq", "cloudnativepg", "queue-depth", base="overlays/production"))


def overlay_of(folder: Path, *components: str, base: str = "base") -> Path:
    """Write an overlay over a folder of `knative`, or over nothing (""), with components, and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("base", "components", "overlays"):
        if not (link := folder.parent / name).exists():
            link.symlink_to(KNATIVE / name)
    lines = [f"resources: [{f'../{base}' if base else ''}]", f"components: [{', '.join(f'../components/{each}' for each in components)}]"]
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
