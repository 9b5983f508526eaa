"""A whole one-machine Knative, which has the API of a cluster, and a small installation for it."""

from collections.abc import Iterator

import pytest

from knative.cluster.connection import ClusterApi, connect
from tests.knative.machine import Machine
from tests.knative.serving.conftest import machine

__all__ = ["machine"]


@pytest.fixture
def cluster(machine: Machine) -> Iterator[ClusterApi]:
    yield connect(machine.home / "kubeconfig")
