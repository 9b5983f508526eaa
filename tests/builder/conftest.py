"""Run the builder as its Job does: in its own process, with its parameters as environment."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
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

    @property
    def source(self) -> Path:
        return self.image.with_name("source")


def run_container(module: str, root: Path, environment: Mapping[str, str]) -> Outcome:
    """Run one container of a build with `root` as CAPSULE_ROOT."""
    process = subprocess.run(
        [sys.executable, "-m", module],
        env=dict(environment),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    message = json.loads((root / "dev/termination-log").read_text())
    return Outcome(process.returncode, message, process.stdout, root / "workspace" / "image")


@pytest.fixture
def repositories(tmp_path: Path) -> Iterator[Repositories]:
    with serving(tmp_path) as found:
        yield found


@pytest.fixture
def variables(tmp_path: Path, repositories: Repositories) -> Callable[..., dict[str, str]]:
    """The environment of a build in a folder of its own (CAPSULE_ROOT)."""

    def create(url: str, ref: str = "", **variables: str) -> dict[str, str]:
        return {
            "PATH": "/usr/bin:/bin",
            "CAPSULE_ROOT": str(tmp_path / f"pod-{len(list(tmp_path.iterdir()))}"),
            "REPOSITORY": url,
            "REF": ref,
            "APPLICATION": "sample",
            "IMAGE": "capsule.local/apps/sample",
            "REPOSITORY_HOSTS": repositories.host,
            "BUILD_ENVIRONMENT": " ".join([*INHERITED, "http_proxy"]),
            **{name: os.environ[name] for name in INHERITED},
            **variables,
        }

    return create


@pytest.fixture
def clone(variables: Callable[..., dict[str, str]]) -> Callable[..., Outcome]:
    """Run the first container of a build alone."""

    def run(url: str, ref: str = "", credentials: Mapping[str, str] | None = None, **more: str) -> Outcome:
        environment = variables(url, ref, **more)
        root = Path(environment["CAPSULE_ROOT"])
        for name, text in (credentials or {}).items():
            (root / "run/capsule/repository").mkdir(parents=True, exist_ok=True)
            (root / "run/capsule/repository" / name).write_text(text)
        return run_container("knative.builder.clone", root, environment)

    return run


@pytest.fixture
def build(variables: Callable[..., dict[str, str]]) -> Callable[..., Outcome]:
    def run(url: str, ref: str = "", **more: str) -> Outcome:
        environment = variables(url, ref, **more)
        root = Path(environment["CAPSULE_ROOT"])
        cloned = run_container("knative.builder.clone", root, environment)
        if cloned.code:
            return cloned
        built = run_container("knative.builder", root, environment)
        return replace(built, log=cloned.log + built.log)

    return run
