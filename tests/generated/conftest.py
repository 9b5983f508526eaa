"""kubectl, which renders the overlays, and an overlay as small clusters have it."""

from pathlib import Path

import pytest

from knative.machine import kustomize
from knative.machine.home import Home
from knative.machine.problems import Problem
from tests.generated.rendering import overlay_of


@pytest.fixture(scope="session")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return kustomize.kubectl(Home(tmp_path_factory.mktemp("kubectl")))
    except Problem as problem:
        pytest.skip(f"kubectl is not installed and cannot be downloaded: {problem}")


@pytest.fixture(scope="session")
def grouped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return overlay_of(tmp_path_factory.mktemp("overlays") / "small", "grouped", "isolated")
