"""Run the builder as its Job does: in its own process, with its parameters as environment."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.builder.repositories import Repositories, serving

INHERITED = [name for name in os.environ if name.startswith(("PIP_", "UV_")) or name.lower().endswith("_proxy") or "CERT" in name]
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Outcome:
    code: int
    message: dict[str, str]
    log: str
    image: Path


@pytest.fixture
def repositories(tmp_path: Path) -> Iterator[Repositories]:
    with serving(tmp_path) as found:
        yield found


@pytest.fixture
def build(tmp_path: Path, repositories: Repositories) -> Callable[..., Outcome]:
    def run(url: str, ref: str = "", **variables: str) -> Outcome:
        root = tmp_path / f"pod-{len(list(tmp_path.iterdir()))}"
        environment = {
            "PATH": "/usr/bin:/bin",
            "CAPSULE_ROOT": str(root),
            "REPOSITORY": url,
            "REF": ref,
            "APPLICATION": "sample",
            "IMAGE": "capsule.local/apps/sample",
            "REPOSITORY_HOSTS": repositories.host,
            "BUILD_ENVIRONMENT": " ".join([*INHERITED, "http_proxy"]),
            **{name: os.environ[name] for name in INHERITED},
            **variables,
        }
        process = subprocess.run(
            [sys.executable, "-m", "knative.builder"],
            env=environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        message = json.loads((root / "dev/termination-log").read_text())
        return Outcome(process.returncode, message, process.stdout, root / "workspace" / "image")

    return run
