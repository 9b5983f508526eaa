"""A builder as its Job runs it: a process of its own that sees its parameters and nothing else."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.builder.repositories import Repositories, serving

PASSED_ON = [name for name in os.environ if name.startswith(("PIP_", "UV_")) or name.lower().endswith("_proxy") or "CERT" in name]
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Outcome:
    code: int
    said: dict[str, str]
    log: str
    image: Path


@pytest.fixture
def repositories(tmp_path: Path) -> Iterator[Repositories]:
    with serving(tmp_path) as found:
        yield found


@pytest.fixture
def build(tmp_path: Path, repositories: Repositories) -> Callable[..., Outcome]:
    def run(url: str, ref: str = "", **more: str) -> Outcome:
        place = tmp_path / f"pod-{len(list(tmp_path.iterdir()))}"
        environment = {
            "PATH": "/usr/bin:/bin",
            "CAPSULE_ROOT": str(place),
            "REPOSITORY": url,
            "REF": ref,
            "APPLICATION": "sample",
            "IMAGE": "capsule.local/apps/sample",
            "REPOSITORY_HOSTS": repositories.host,
            "BUILD_ENVIRONMENT": " ".join([*PASSED_ON, "http_proxy"]),
            **{name: os.environ[name] for name in PASSED_ON},
            **more,
        }
        done = subprocess.run(
            [sys.executable, "-m", "knative.builder"],
            env=environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        said = json.loads((place / "dev/termination-log").read_text())
        return Outcome(done.returncode, said, done.stdout, place / "workspace" / "image")

    return run
