"""What the cluster image runs needs no module of the one-machine Knative, which the image does not contain."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
LOADED = "import sys; print([name for name in sys.modules if name == '{package}' or name.startswith('{package}.')])"


def loaded(package: str, statement: str) -> str:
    """Return the modules of `package` that a fresh process has loaded after `statement`."""
    program = f"{statement}\n{LOADED.format(package=package)}"
    return subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def test_serving_functions_loads_no_module_of_knative() -> None:
    modules = "functions.runtime.serving.serve, functions.runtime.serving.queue_consumer, functions.runtime.serving.preload"
    assert loaded("knative", f"import {modules}, functions.runtime.serving.topology, functions.edge.gateway") == "[]"


@pytest.mark.parametrize("module", ["knative.builder.__main__", "knative.machine.migrations"])
def test_jobs_of_the_image_load_no_module_of_the_one_machine_knative(module: str) -> None:
    assert loaded("knative.local", f"import {module}") == "[]"


def test_the_image_does_not_contain_the_one_machine_knative() -> None:
    copied = [line.split()[1] for line in (PROJECT / "knative/image/Dockerfile").read_text().splitlines() if line.startswith("COPY knative")]
    assert copied and not any(path in ("knative", "knative/local") for path in copied)
    assert "knative/local" in (PROJECT / ".dockerignore").read_text().splitlines()
